"""What the host itself offers, through the same hooks as any plugin. Its owner is "seqshell"."""

from __future__ import annotations

from collections.abc import Iterator

from seqshell.core.hookspecs import hookimpl
from seqshell.core.plugin_api import Lazy
from seqshell.shell import commands


@hookimpl
def seqshell_tokenizers() -> Iterator[Lazy]:
    yield Lazy("char", "seqshell.core.tokenizers:CharTokenizer")
    yield Lazy("byte", "seqshell.core.tokenizers:ByteTokenizer")
    yield Lazy("word", "seqshell.core.subword_tokenizers:WordTokenizer")
    yield Lazy("bpe", "seqshell.core.subword_tokenizers:BPETokenizer")


@hookimpl
def seqshell_strategies() -> Iterator[Lazy]:
    yield Lazy("greedy", "seqshell.decoding.strategies:Greedy")
    yield Lazy("sample", "seqshell.decoding.strategies:Sample")
    yield Lazy("beam", "seqshell.decoding.beam:Beam")
    yield Lazy("diverse_beam", "seqshell.decoding.diverse:DiverseBeam")


@hookimpl
def seqshell_commands() -> Iterator[Lazy]:
    yield from commands.offered()
