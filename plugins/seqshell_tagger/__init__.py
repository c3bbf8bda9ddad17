"""Recurrent taggers, causal and bidirectional, with decoders in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[seqshell.Architecture]:
    """Offer tagger, which predicts a tag after every token, and bidirectional_tagger, which reads whole sentences."""
    yield seqshell.Architecture(
        "tagger",
        seqshell.Task.TAG,
        config="seqshell_tagger.config:TaggerConfig",
        model="seqshell_tagger.taggers:Tagger",
        decoder="seqshell_tagger.decoders:TaggerDecoder",
        export="seqshell_tagger.exporting:export_tagger",
        summary="recurrent layers; the tag of a token depends on it and the tokens before it",
    )
    yield seqshell.Architecture(
        "bidirectional_tagger",
        seqshell.Task.TAG,
        config="seqshell_tagger.config:TaggerConfig",
        model="seqshell_tagger.taggers:BidirectionalTagger",
        decoder="seqshell_tagger.decoders:BidirectionalTaggerDecoder",
        export="seqshell_tagger.exporting:export_bidirectional",
        summary="recurrent layers in both directions (Graves & Schmidhuber 2005)",
        causal=False,
    )
