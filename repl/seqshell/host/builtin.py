"""What the host itself offers, through the same hooks as a plugin. Its owner is "seqshell"."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from seqshell.core.hookspecs import hookimpl
from seqshell.core.plugin_api import Lazy
from seqshell.host.loading import build_registry
from seqshell.host.policy import Policy
from seqshell.host.registry import Registry

# module -> function=name,alias,... Each name is a separate offer, so that completion and errors need no import.
COMMANDS = {
    "text": "feed=feed go_on=continue,c reseed=reseed text=text",
    "history": "undo=undo redo=redo rewind=rewind regen=regen,retry reset=reset,clear",
    "branches": "branch=branch checkout=checkout branches=branches drop=drop",
    "settings": "set_value=set sampler=sampler strategy=strategy seed=seed",
    "preset": "preset=preset",
    "inspect": "top=top",
    "score": "score=score",
    "against": "against=against",
    "state": "state=state",
    "steering": "clamp=clamp lesion=lesion steer=steer interventions=interventions sweep=sweep",
    "alternatives": "alt=alt",
    "choosing": "next_words=words tree=tree",
    "by_hand": "pick=pick explore=explore",
    "info": "info=info,show",
    "saliency": "reach=reach",
    "lags": "lags=lags",
    "neuron": "neuron=neuron find_neuron=find-neuron",
    "dynamics": "spectrum=spectrum gates=gates",
    "probe": "probe=probe",
    "trace": "trace=trace",
    "translate": "translate=translate attention=attention",
    "beams": "beams=beams",
    "what_if": "what_if=what-if",
    "classify": "classify=classify",
    "tag": "tag=tag",
    "forecast": "forecast=forecast",
    "models": "models=models,list load=load close=close",
    "mix": "mix=mix",
    "train": "train=train recipes=recipes",
    "session": "save=save restore=restore export=export",
    "script": "source=source history=history expect=expect leave=quit,exit,bye",
    "record": "record=record",
    "plugins": "plugins=plugins samplers=samplers strategies=strategies architectures=architectures",
    "help": "show_help=help,?",
    "tour": "tour=tour",
    "lesson": "lesson=lesson",
}


@hookimpl
def seqshell_tokenizers() -> Iterator[Lazy]:
    yield Lazy("char", "seqshell.core.tokenizers:CharTokenizer")
    yield Lazy("byte", "seqshell.core.tokenizers:ByteTokenizer")
    yield Lazy("word", "seqshell.core.subword_tokenizers:WordTokenizer")
    yield Lazy("bpe", "seqshell.core.subword_tokenizers:BPETokenizer")
    yield Lazy("listed", "seqshell.core.list_tokenizer:ListTokenizer")
    yield Lazy("whitespace", "seqshell.core.whitespace_tokenizer:WhitespaceTokenizer")


@hookimpl
def seqshell_strategies() -> Iterator[Lazy]:
    yield Lazy("greedy", "seqshell.decoding.strategies:Greedy")
    yield Lazy("sample", "seqshell.decoding.strategies:Sample")
    yield Lazy("beam", "seqshell.decoding.beam:Beam")
    yield Lazy("diverse_beam", "seqshell.decoding.diverse:DiverseBeam")


@hookimpl
def seqshell_commands() -> Iterator[Lazy]:
    """The name and aliases of each command; its module is imported when it is first used."""
    for module, functions in COMMANDS.items():
        for entry in functions.split():
            function, _, names = entry.partition("=")
            for name in names.split(","):
                yield Lazy(name, f"seqshell.shell.commands.{module}:{function}")


def load_registry(
    policy: Policy | None = None, *, modules: Iterable[Any] = (), on_slow: Callable[[str], None] | None = None
) -> Registry:
    """Load what seqshell itself, the built-in plugins and the user's plugins offer.

    For the arguments see `build_registry`.
    """
    return build_registry([sys.modules[__name__]], policy, modules=tuple(modules), on_slow=on_slow)
