"""Texts with labels: reading tables of them, the objective, evaluation and baselines."""
