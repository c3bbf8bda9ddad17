"""The types that everything else is built from: states, models, decoders, samplers, tokenizers, events, errors, the plugin API.

Imports nothing else of ours.
"""
