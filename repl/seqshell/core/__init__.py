"""The types that everything else is built from: states, models, decoders, samplers, tokenizers, events, errors and the plugin API. Imports nothing of ours."""
