"""What the host itself offers, through the same hooks as any plugin. Its owner is "seqshell"."""

from __future__ import annotations

from collections.abc import Iterator

from seqshell import commands
from seqshell.hookspecs import hookimpl
from seqshell.offers import Lazy


@hookimpl
def seqshell_tokenizers() -> Iterator[Lazy]:
    yield Lazy("char", "seqshell.tokenizers:CharTokenizer")
    yield Lazy("byte", "seqshell.tokenizers:ByteTokenizer")
    yield Lazy("word", "seqshell.subwords:WordTokenizer")
    yield Lazy("bpe", "seqshell.subwords:BPETokenizer")


@hookimpl
def seqshell_strategies() -> Iterator[Lazy]:
    yield Lazy("greedy", "seqshell.decoding.strategies:Greedy")
    yield Lazy("sample", "seqshell.decoding.strategies:Sample")
    yield Lazy("beam", "seqshell.decoding.beam:Beam")
    yield Lazy("diverse_beam", "seqshell.decoding.diverse:DiverseBeam")


@hookimpl
def seqshell_commands() -> Iterator[Lazy]:
    yield from commands.offered()
