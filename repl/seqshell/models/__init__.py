"""Models on disk and in memory: checkpoint files, opening and saving them, building decoders, importing weights from other programs."""
