"""Recurrent classifiers of texts, causal and bidirectional, with decoders in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[seqshell.Architecture]:
    """The text is read from its beginning, with a belief after every token, or from both ends at once."""
    yield seqshell.Architecture(
        "classifier",
        seqshell.Task.CLASSIFY,
        config="seqshell_classifier.config:ClassifierConfig",
        model="seqshell_classifier.classifiers:Classifier",
        decoder="seqshell_classifier.decoders:ClassifierDecoder",
        summary="recurrent layers from the beginning of a text, pooled over time; it has a belief after every token",
    )
    yield seqshell.Architecture(
        "bidirectional_classifier",
        seqshell.Task.CLASSIFY,
        config="seqshell_classifier.config:ClassifierConfig",
        model="seqshell_classifier.classifiers:BidirectionalClassifier",
        decoder="seqshell_classifier.decoders:BidirectionalClassifierDecoder",
        summary="recurrent layers from both ends of a text, pooled over time (Schuster & Paliwal 1997, Graves & Schmidhuber 2005)",
        causal=False,
    )
