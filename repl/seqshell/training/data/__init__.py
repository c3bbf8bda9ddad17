"""Training data: text files, tables, generated data, vocabularies and batches."""
