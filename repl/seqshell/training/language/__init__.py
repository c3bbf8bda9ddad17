"""Characters or words in a row: the objective of a language model, its evaluation, and comparing models on one text."""
