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

if TYPE_CHECKING:  # "as" tells type checkers that they are names of this module, too
    from seqshell.decoder import Decoder as Decoder
    from seqshell.decoding.chain import Chain as Chain
    from seqshell.decoding.measures import log_probs as log_probs
    from seqshell.errors import CheckpointError as CheckpointError
    from seqshell.errors import ExpectationError as ExpectationError
    from seqshell.errors import PluginError as PluginError
    from seqshell.errors import RecipeError as RecipeError
    from seqshell.errors import SeqshellError as SeqshellError
    from seqshell.errors import UsageError as UsageError
    from seqshell.errors import VocabularyError as VocabularyError
    from seqshell.events import Attention as Attention
    from seqshell.events import Event as Event
    from seqshell.events import Finished as Finished
    from seqshell.events import Forecast as Forecast
    from seqshell.events import Label as Label
    from seqshell.events import Notice as Notice
    from seqshell.events import Picture as Picture
    from seqshell.events import Progress as Progress
    from seqshell.events import Table as Table
    from seqshell.events import Text as Text
    from seqshell.events import Token as Token
    from seqshell.events import Translation as Translation
    from seqshell.foreign import ForeignModel as ForeignModel
    from seqshell.hookspecs import hookimpl as hookimpl
    from seqshell.models import BOS as BOS
    from seqshell.models import EOS as EOS
    from seqshell.models import PAD as PAD
    from seqshell.models import UNK as UNK
    from seqshell.models import Architecture as Architecture
    from seqshell.models import Model as Model
    from seqshell.models import Seq2Seq as Seq2Seq
    from seqshell.models import SequenceModel as SequenceModel
    from seqshell.models import Task as Task
    from seqshell.offers import Arguments as Arguments
    from seqshell.offers import Command as Command
    from seqshell.offers import Lazy as Lazy
    from seqshell.offers import Option as Option
    from seqshell.offers import command as command
    from seqshell.offers import setting as setting
    from seqshell.opening import open as open
    from seqshell.opening import save_checkpoint as save_checkpoint
    from seqshell.sampling import Advanced as Advanced
    from seqshell.sampling import Batch as Batch
    from seqshell.sampling import Draw as Draw
    from seqshell.sampling import History as History
    from seqshell.sampling import Hypotheses as Hypotheses
    from seqshell.sampling import Hypothesis as Hypothesis
    from seqshell.sampling import Request as Request
    from seqshell.sampling import SampleContext as SampleContext
    from seqshell.sampling import Sampler as Sampler
    from seqshell.sampling import Stop as Stop
    from seqshell.sampling import Strategy as Strategy
    from seqshell.sampling import choose as choose
    from seqshell.session import Session as Session
    from seqshell.state import State as State
    from seqshell.tokenizers import ByteTokenizer as ByteTokenizer
    from seqshell.tokenizers import CharTokenizer as CharTokenizer
    from seqshell.tokenizers import Tokenizer as Tokenizer


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first used, so that a start loads only what it needs."""
    if name not in _HOME:
        raise AttributeError(f"module 'seqshell' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
