"""Recurrent classifiers of texts, causal and bidirectional, with decoders in numpy."""
