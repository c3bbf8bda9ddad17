"""Models on disk and in memory: checkpoint files, decoders, and the import of weights from other programs."""
