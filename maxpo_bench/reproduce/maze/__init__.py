"""The paper's maze experiment (Sec 5.1, App G.2): agents trained in populations, their curves, tables and findings."""
