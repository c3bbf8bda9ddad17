"""Linear recurrent units (Orvieto et al. 2023, https://arxiv.org/abs/2303.06349), whose state is complex."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "complex_lru",
        seqshell.Task.GENERATE,
        config="seqshell_complex_lru.config:LRUConfig",
        model="seqshell_complex_lru.model:LRULanguageModel",
        decoder="seqshell_complex_lru.decoding:LRUDecoder",
        summary="linear recurrent units with a complex diagonal (Orvieto et al. 2023)",
        examples=({"radii": (0.5, 0.9), "highest_angle": None}, {"num_layers": 3}),
    )
