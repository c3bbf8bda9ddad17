"""Tagging: a tag for each word of a sentence, such as parts of speech or named entities."""
