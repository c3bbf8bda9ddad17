"""seqshell: a shell for sequence models. The names below are its public API; each is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "seqshell.errors": "SeqshellError UsageError VocabularyError CheckpointError RecipeError PluginError ExpectationError",
    "seqshell.events": "Attention Event Finished Forecast Label Notice Picture Progress Table Text Token Translation",
    "seqshell.foreign": "ForeignModel",
    "seqshell.models": "PAD BOS EOS UNK Task Architecture Model SequenceModel Seq2Seq",
    "seqshell.state": "State",
    "seqshell.decoder": "Decoder",
    "seqshell.offers": "Arguments Command Lazy Option command setting",
    "seqshell.sampling": "Advanced Batch Draw History Hypotheses Hypothesis Request SampleContext Sampler Stop Strategy choose",
    "seqshell.tokenizers": "ByteTokenizer CharTokenizer Tokenizer",
    "seqshell.decoding.chain": "Chain",
    "seqshell.decoding.measures": "log_probs",
    "seqshell.hookspecs": "hookimpl",
    "seqshell.session": "Session",
    "seqshell.opening": "open save_checkpoint",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from seqshell.decoder import Decoder
    from seqshell.decoding.chain import Chain
    from seqshell.decoding.measures import log_probs
    from seqshell.errors import (
        CheckpointError,
        ExpectationError,
        PluginError,
        RecipeError,
        SeqshellError,
        UsageError,
        VocabularyError,
    )
    from seqshell.events import Attention, Event, Finished, Forecast, Label, Notice, Picture, Progress, Table, Text, Token, Translation
    from seqshell.foreign import ForeignModel
    from seqshell.hookspecs import hookimpl
    from seqshell.models import BOS, EOS, PAD, UNK, Architecture, Model, Seq2Seq, SequenceModel, Task
    from seqshell.offers import Arguments, Command, Lazy, Option, command, setting
    from seqshell.opening import open, save_checkpoint
    from seqshell.sampling import (
        Advanced,
        Batch,
        Draw,
        History,
        Hypotheses,
        Hypothesis,
        Request,
        SampleContext,
        Sampler,
        Stop,
        Strategy,
        choose,
    )
    from seqshell.session import Session
    from seqshell.state import State
    from seqshell.tokenizers import ByteTokenizer, CharTokenizer, Tokenizer


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first used, so that a start loads only what it needs."""
    if name not in _HOME:
        raise AttributeError(f"module 'seqshell' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
