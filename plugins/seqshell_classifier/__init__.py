"""Recurrent text classifiers, causal and bidirectional, with decoders in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[seqshell.Architecture]:
    """Offer classifier, which predicts after every token, and bidirectional_classifier, which reads whole texts."""
    yield seqshell.Architecture(
        "classifier",
        seqshell.Task.CLASSIFY,
        config="seqshell_classifier.config:ClassifierConfig",
        model="seqshell_classifier.classifiers:Classifier",
        decoder="seqshell_classifier.decoders:ClassifierDecoder",
        summary="recurrent layers, pooled over time; predicts a label after every token",
        export="seqshell_classifier.exporting:export_classifier",
    )
    yield seqshell.Architecture(
        "bidirectional_classifier",
        seqshell.Task.CLASSIFY,
        config="seqshell_classifier.config:ClassifierConfig",
        model="seqshell_classifier.classifiers:BidirectionalClassifier",
        decoder="seqshell_classifier.decoders:BidirectionalClassifierDecoder",
        summary="recurrent layers in both directions, pooled over time (Schuster & Paliwal 1997)",
        causal=False,
        export="seqshell_classifier.exporting:export_bidirectional",
    )
