"""Encoder-decoders: sequence to sequence with and without attention, with decoders in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[seqshell.Architecture]:
    """The source reaches the decoder as one vector, or through attention over all of its tokens."""
    yield seqshell.Architecture(
        "seq2seq",
        seqshell.Task.TRANSLATE,
        config="seqshell_seq2seq.config:Seq2SeqConfig",
        model="seqshell_seq2seq.seq2seq:Seq2Seq",
        decoder="seqshell_seq2seq.decoders:Seq2SeqDecoder",
        summary="encoder-decoder whose source becomes one vector (Sutskever et al. 2014, Cho et al. 2014)",
    )
    yield seqshell.Architecture(
        "attention_seq2seq",
        seqshell.Task.TRANSLATE,
        config="seqshell_seq2seq.config:AttentionConfig",
        model="seqshell_seq2seq.attention_seq2seq:AttentionSeq2Seq",
        decoder="seqshell_seq2seq.decoders:AttentionSeq2SeqDecoder",
        summary="encoder-decoder that looks at every token of the source (Bahdanau et al. 2015, Luong et al. 2015)",
    )
