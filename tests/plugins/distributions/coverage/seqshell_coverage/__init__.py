"""Attention with coverage for seqshell.

Tu et al. 2016, https://arxiv.org/abs/1601.04811; See et al. 2017, https://arxiv.org/abs/1704.04368.
"""

from dataclasses import dataclass

import seqshell
from seqshell import setting

seqshell_api = "1"


@dataclass(frozen=True)
class Config:
    source_vocab_size: int  # both are filled in from the data
    target_vocab_size: int
    embed_size: int = setting(64, low=1, help="size of the token embeddings")
    hidden_size: int = setting(128, low=1, help="size of the decoder's state; half of it per encoder direction")
    attention_size: int = setting(64, low=1, help="size of the attention layer")
    coverage_weight: float = setting(1.0, low=0, neutral=0, help="weight of the coverage loss in training")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of embeddings and before the read-out, in training"
    )

    def __post_init__(self):
        if self.hidden_size % 2:
            raise ValueError(
                f"hidden_size must be even, because the encoder has two directions, not {self.hidden_size}"
            )


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "coverage_seq2seq",
        seqshell.Task.TRANSLATE,
        config=Config,
        model="seqshell_coverage.model:CoverageSeq2Seq",
        summary="encoder-decoder with coverage attention (Tu et al. 2016, See et al. 2017)",
    )
