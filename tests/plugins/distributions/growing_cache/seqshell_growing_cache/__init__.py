"""A transformer language model (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762) with a cache."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "cached_transformer",
        seqshell.Task.GENERATE,
        config="seqshell_growing_cache.config:TransformerConfig",
        model="seqshell_growing_cache.model:CachedTransformer",
        decoder="seqshell_growing_cache.decoding:CachedTransformerDecoder",
        summary="a transformer whose cache of keys and values grows with each token",
        grows="axis",
    )
