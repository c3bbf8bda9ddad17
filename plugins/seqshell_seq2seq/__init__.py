"""Encoder-decoder models for translation, with and without attention, with decoders in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[seqshell.Architecture]:
    """Offer seq2seq, which encodes the source as one vector, and attention_seq2seq, which attends to all its tokens."""
    yield seqshell.Architecture(
        "seq2seq",
        seqshell.Task.TRANSLATE,
        config="seqshell_seq2seq.config:Seq2SeqConfig",
        model="seqshell_seq2seq.seq2seq:Seq2Seq",
        decoder=("seqshell_seq2seq.compiled_decoders:Seq2SeqDecoder", "seqshell_seq2seq.decoders:Seq2SeqDecoder"),
        export="seqshell_seq2seq.exporting:export_translator",
        summary="encoder-decoder that encodes the source as one vector (Sutskever et al. 2014, Cho et al. 2014)",
    )
    yield seqshell.Architecture(
        "attention_seq2seq",
        seqshell.Task.TRANSLATE,
        config="seqshell_seq2seq.config:AttentionConfig",
        model="seqshell_seq2seq.copying:attention_model",
        decoder=(
            "seqshell_seq2seq.compiled_decoders:attention_decoder",
            "seqshell_seq2seq.copying_decoder:attention_decoder",
        ),
        export="seqshell_seq2seq.exporting:export_translator",
        summary="encoder-decoder with attention to every source token (Bahdanau et al. 2015, Luong et al. 2015)",
    )
