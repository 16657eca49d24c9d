"""What the paper states, measured: one file per table or figure."""
