"""The types that the other packages build on: states, models, samplers, tokenizers, events, errors, the plugin API.

Imports no other package of seqshell.
"""
