"""What a training reads: text files, tables, synthetic data, vocabularies and batches."""
