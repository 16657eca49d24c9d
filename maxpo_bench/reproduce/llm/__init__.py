"""The paper's language-model experiment on a tiny model: every method, tuned alike, on countdown."""
