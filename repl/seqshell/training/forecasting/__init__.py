"""Number series: reading tables of them, the objective, evaluation and baselines."""
