"""Choosing tokens: strategies, the sampler chain, how users write both, and probabilities of outputs."""
