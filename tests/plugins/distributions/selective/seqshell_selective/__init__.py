"""Selective state space language models (Gu & Dao 2023, https://arxiv.org/abs/2312.00752)."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "selective",
        seqshell.Task.GENERATE,
        config="seqshell_selective.config:SelectiveConfig",
        model="seqshell_selective.model:SelectiveLanguageModel",
        decoder="seqshell_selective.decoding:SelectiveDecoder",
        summary="selective state space model (Mamba, Gu & Dao 2023)",
    )
