"""Language models: the training objective, evaluation on a text, and comparing models."""
