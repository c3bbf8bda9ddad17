"""The self-attentive classifier (Lin et al. 2017, https://arxiv.org/abs/1703.03130) as a plugin for seqshell."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "self_attentive",
        seqshell.Task.CLASSIFY,
        config="seqshell_both_ways.config:Config",
        model="seqshell_both_ways.model:SelfAttentive",
        decoder="seqshell_both_ways.decoder:SelfAttentiveDecoder",
        summary="bidirectional GRU with self-attention (Lin et al. 2017)",
        causal=False,
    )
