"""seqshell: a shell for sequence models. This is its public API; help(seqshell.NAME) describes a name.

Plugins (see plugins/README.md and docs/plugins)
    hookimpl            marks a function of a plugin as a hook, such as seqshell_samplers
    setting             a field of a config, sampler or strategy that users set, with its range
    Lazy                an offer that is imported when it is first used
    Architecture        a family of models: its config, torch module and decoder
    SequenceModel       what its torch module must have; Seq2Seq: the same for translation
    Decoder             what runs a model without torch
    State, state        what a model remembers: a tree of arrays; functions on states
    Tokenizer           what a tokenizer must have; ByteTokenizer, CharTokenizer: the built-in ones
    PAD, BOS, EOS, UNK  the special ids of translation and classification vocabularies
    ForeignModel        what an importer returns; KnownOutputs: outputs of the original to check it with
    tokenizer_of        the tokenizer of a list of tokens, CharTokenizer or ListTokenizer
    vocabularies_in     the vocabularies in what was read of a file
    ForeignFile         what recognise_file says of a file
    read_torch          a file of torch as weights, plain data and records; nothing of it is executed
    Record              an object in such a file; weights_of: the weights of a whole module by name
    StoredTensor        a tensor of such a file
    read_onnx           a file of ONNX as an OnnxGraph; OnnxNode: one of its operators
    read_npz            an archive of numpy's arrays; nothing of it is executed

Samplers and strategies
    Sampler             reshapes the logits of the next token, with a SampleContext
    Strategy            produces whole sequences: from a Batch, as a Request with its Stop says
    Advanced            what a strategy that streams yields for each token
    Hypotheses          what any other strategy yields for each row: its Hypothesis objects, best first
    Chain               the samplers of a request, in their order
    Rule                what a sampler does to a Shortlist, so that samplers share one sort:
                        Divide KeepBest KeepMass KeepNear KeepTypical
    Draw, choose        random numbers that /undo repeats, and the token that one of them draws
    History             ids that were read, as a sampler sees them
    END                 what a sampler returns to end an answer
    log_probs           logits to log-probabilities

Commands and events
    command, Command    make a command of a function: run(shell, arguments) yields events
    pictures            the Page that an event looks like in HTML, SVG and PNG, and its blocks
    Arguments, Option   what the user wrote after its name; what it accepts
    Event               something that happens while a line is executed:
                        Attention Finished Forecast HookOutput Label Moved Notice Picture Progress Table Tags Text
                        Token Translation

Models and sessions
    open                open a session on a checkpoint
    Session             one model with its state: it reads, answers and goes back
    Model               an opened checkpoint
    StateRecord         a state of a session; save_state, load_state: to and from a file
    Trace               what a model did with each token of a text
    Task                what a model does: GENERATE, TRANSLATE, CLASSIFY, FORECAST or TAG
    save_checkpoint     write a trained torch module as a checkpoint
    load_ipython_extension  what `%load_ext seqshell` calls in a notebook, for `%%seqshell` cells

Errors
    SeqshellError       what the user can fix; its kinds:
                        CheckpointError ExpectationError PluginError RecipeError UsageError VocabularyError

seqshell.exporting  a PlainModel, what Architecture(export=...) returns, and what makes one

seqshell.layers has numpy layers for decoders, and seqshell.testing the checks for a plugin's own tests.
"""

from __future__ import annotations

_HOMES = {
    "seqshell.core.errors": (
        "SeqshellError UsageError VocabularyError CheckpointError RecipeError PluginError ExpectationError"
    ),
    "seqshell.core.events": (
        "Attention Event Finished Forecast HookOutput Label Moved Notice Picture Progress Table Tags Text Token "
        "Translation"
    ),
    "seqshell.foreign.numpy_files": "read_npz",
    "seqshell.foreign.recognition": "ForeignFile recognise_file",
    "seqshell.foreign.records": "Record weights_of",
    "seqshell.foreign.onnx_files": "OnnxGraph OnnxNode read_onnx",
    "seqshell.foreign.torch_files": "StoredTensor read_torch",
    "seqshell.core.imported_model": "ForeignModel KnownOutputs",
    "seqshell.core.list_tokenizer": "ListTokenizer tokenizer_of",
    "seqshell.foreign.vocabularies": "vocabularies_in",
    "seqshell.core.tasks": "Task",
    "seqshell.core.model": "Architecture Model SequenceModel Seq2Seq",
    "seqshell.core.state": "State",
    "seqshell.core.decoder": "Decoder",
    "seqshell.core.plugin_api": "Arguments Command Lazy Option command setting",
    "seqshell.core.sampling": (
        "END Advanced Batch Draw History Hypotheses Hypothesis Request SampleContext Sampler Stop Strategy choose"
    ),
    "seqshell.core.shortlist": "Divide KeepBest KeepMass KeepNear KeepTypical Rule Shortlist",
    "seqshell.core.trace": "Trace",
    "seqshell.core.tokenizers": "PAD BOS EOS UNK ByteTokenizer CharTokenizer Tokenizer",
    "seqshell.decoding.chain": "Chain",
    "seqshell.decoding.probabilities": "log_probs",
    "seqshell.core.hookspecs": "hookimpl",
    "seqshell.session": "Session",
    "seqshell.session.given": "StateRecord",
    "seqshell.inspect.saved_states": "load_state save_state",
    "seqshell.models.saving": "save_checkpoint",
    "seqshell.shell.opening": "open",
    "seqshell.notebook.extension": "load_ipython_extension",
    "seqshell.core.version": "__version__",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()} | {
    "state": "seqshell.state",
    "pictures": "seqshell.pictures",
    "exporting": "seqshell.exporting",
}

TYPE_CHECKING = False  # as in `typing`, whose import would delay the program's answer to Ctrl-C
if TYPE_CHECKING:  # "as" tells type checkers that they are names of this module, too
    from typing import Any

    from seqshell import exporting as exporting
    from seqshell import pictures as pictures
    from seqshell import state as state
    from seqshell.core.decoder import Decoder as Decoder
    from seqshell.core.errors import CheckpointError as CheckpointError
    from seqshell.core.errors import ExpectationError as ExpectationError
    from seqshell.core.errors import PluginError as PluginError
    from seqshell.core.errors import RecipeError as RecipeError
    from seqshell.core.errors import SeqshellError as SeqshellError
    from seqshell.core.errors import UsageError as UsageError
    from seqshell.core.errors import VocabularyError as VocabularyError
    from seqshell.core.events import Attention as Attention
    from seqshell.core.events import Event as Event
    from seqshell.core.events import Finished as Finished
    from seqshell.core.events import Forecast as Forecast
    from seqshell.core.events import HookOutput as HookOutput
    from seqshell.core.events import Label as Label
    from seqshell.core.events import Moved as Moved
    from seqshell.core.events import Notice as Notice
    from seqshell.core.events import Picture as Picture
    from seqshell.core.events import Progress as Progress
    from seqshell.core.events import Table as Table
    from seqshell.core.events import Tags as Tags
    from seqshell.core.events import Text as Text
    from seqshell.core.events import Token as Token
    from seqshell.core.events import Translation as Translation
    from seqshell.core.hookspecs import hookimpl as hookimpl
    from seqshell.core.imported_model import ForeignModel as ForeignModel
    from seqshell.core.imported_model import KnownOutputs as KnownOutputs
    from seqshell.core.list_tokenizer import ListTokenizer as ListTokenizer
    from seqshell.core.list_tokenizer import tokenizer_of as tokenizer_of
    from seqshell.core.model import Architecture as Architecture
    from seqshell.core.model import Model as Model
    from seqshell.core.model import Seq2Seq as Seq2Seq
    from seqshell.core.model import SequenceModel as SequenceModel
    from seqshell.core.plugin_api import Arguments as Arguments
    from seqshell.core.plugin_api import Command as Command
    from seqshell.core.plugin_api import Lazy as Lazy
    from seqshell.core.plugin_api import Option as Option
    from seqshell.core.plugin_api import command as command
    from seqshell.core.plugin_api import setting as setting
    from seqshell.core.sampling import END as END
    from seqshell.core.sampling import Advanced as Advanced
    from seqshell.core.sampling import Batch as Batch
    from seqshell.core.sampling import Draw as Draw
    from seqshell.core.sampling import History as History
    from seqshell.core.sampling import Hypotheses as Hypotheses
    from seqshell.core.sampling import Hypothesis as Hypothesis
    from seqshell.core.sampling import Request as Request
    from seqshell.core.sampling import SampleContext as SampleContext
    from seqshell.core.sampling import Sampler as Sampler
    from seqshell.core.sampling import Stop as Stop
    from seqshell.core.sampling import Strategy as Strategy
    from seqshell.core.sampling import choose as choose
    from seqshell.core.shortlist import Divide as Divide
    from seqshell.core.shortlist import KeepBest as KeepBest
    from seqshell.core.shortlist import KeepMass as KeepMass
    from seqshell.core.shortlist import KeepNear as KeepNear
    from seqshell.core.shortlist import KeepTypical as KeepTypical
    from seqshell.core.shortlist import Rule as Rule
    from seqshell.core.shortlist import Shortlist as Shortlist
    from seqshell.core.state import State as State
    from seqshell.core.tasks import Task as Task
    from seqshell.core.tokenizers import BOS as BOS
    from seqshell.core.tokenizers import EOS as EOS
    from seqshell.core.tokenizers import PAD as PAD
    from seqshell.core.tokenizers import UNK as UNK
    from seqshell.core.tokenizers import ByteTokenizer as ByteTokenizer
    from seqshell.core.tokenizers import CharTokenizer as CharTokenizer
    from seqshell.core.tokenizers import Tokenizer as Tokenizer
    from seqshell.core.trace import Trace as Trace
    from seqshell.core.version import __version__ as __version__
    from seqshell.decoding.chain import Chain as Chain
    from seqshell.decoding.probabilities import log_probs as log_probs
    from seqshell.foreign.numpy_files import read_npz as read_npz
    from seqshell.foreign.onnx_files import OnnxGraph as OnnxGraph
    from seqshell.foreign.onnx_files import OnnxNode as OnnxNode
    from seqshell.foreign.onnx_files import read_onnx as read_onnx
    from seqshell.foreign.recognition import ForeignFile as ForeignFile
    from seqshell.foreign.recognition import recognise_file as recognise_file
    from seqshell.foreign.records import Record as Record
    from seqshell.foreign.records import weights_of as weights_of
    from seqshell.foreign.torch_files import StoredTensor as StoredTensor
    from seqshell.foreign.torch_files import read_torch as read_torch
    from seqshell.foreign.vocabularies import vocabularies_in as vocabularies_in
    from seqshell.inspect.saved_states import load_state as load_state
    from seqshell.inspect.saved_states import save_state as save_state
    from seqshell.models.saving import save_checkpoint as save_checkpoint
    from seqshell.notebook.extension import load_ipython_extension as load_ipython_extension
    from seqshell.session import Session as Session
    from seqshell.session.given import StateRecord as StateRecord
    from seqshell.shell.opening import open as open


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first used, so that a start loads only what it needs."""
    if name not in _HOME:
        raise AttributeError(f"module 'seqshell' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_HOME[name])
    value = globals()[name] = module if _HOME[name] == f"seqshell.{name}" else getattr(module, name)
    return value


def __dir__() -> list[str]:
    """The public names. With `__all__`, help(seqshell) would print every method, in thousands of lines."""
    return sorted(_HOME)
