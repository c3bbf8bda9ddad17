"""The precisions of weights, in which a model answers; apart from `model`, whose types take long to import."""

PRECISIONS = ("float32", "bf16", "int8")  # the first is that of checkpoints
