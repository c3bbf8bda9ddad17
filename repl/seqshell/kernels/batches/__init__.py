"""Kernels for batches: all steps of a recurrent layer, and their gradients, for training."""
