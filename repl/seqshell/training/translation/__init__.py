"""Translation models: sentence pairs, the training objective, evaluation and BLEU."""
