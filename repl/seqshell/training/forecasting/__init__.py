"""Forecasting models: number series, the training objective, evaluation and baselines."""
