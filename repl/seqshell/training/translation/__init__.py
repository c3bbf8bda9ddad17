"""Pairs of sentences: reading them, the objective, evaluation and BLEU."""
