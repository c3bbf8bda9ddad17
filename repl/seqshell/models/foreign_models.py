"""The model in a file of another program: read by an importer, completed by what the user says, and built."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError, PluginError, SeqshellError, UsageError
from seqshell.core.imported_model import ForeignModel
from seqshell.core.list_tokenizer import tokenizer_of
from seqshell.core.model import Architecture
from seqshell.core.named_files import shown_name
from seqshell.core.plugin_guard import Guard
from seqshell.core.tasks import Task
from seqshell.foreign.recognition import recognise_file
from seqshell.models.building import build_module, read_config
from seqshell.models.import_map import map_tokenizer, read_map
from seqshell.models.task_parts.parts import parts_of
from seqshell.models.vocabulary_file import read_vocabulary

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer
    from seqshell.foreign.vocabularies import Tokens
    from seqshell.host import Registry

BYTES = 256  # a vocabulary of this size is one of bytes, unless a map says otherwise


@dataclass(frozen=True)
class Given:
    """What the user says about a file: the tables of a map in a folder, the tokens of --vocab, and --allow-pt."""

    tables: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()
    vocabulary: Tokens = ()
    allow_pt: bool = False

    @classmethod
    def read(cls, map_path: Path | None, vocab_path: Path | None, *, allow_pt: bool = False) -> Given:
        """Read a map and a file of tokens. Raises UsageError if one of them is invalid."""
        return cls(
            read_map(map_path) if map_path else {},
            map_path.parent if map_path else Path(),
            read_vocabulary(vocab_path) if vocab_path else (),
            allow_pt,
        )


@dataclass(frozen=True)
class BuiltModel:
    """A config and its torch module. difference: the largest one between outputs of the original and the module's; None
    if no such outputs are known."""

    config: Any
    module: Any
    difference: float | None = None


def require_file(path: Path) -> None:
    """Raise UsageError if there is no such file."""
    if not path.exists():
        raise UsageError(f"no file {shown_name(path)!r}")


def read_model(path: Path, given: Given, registry: Registry, warn: Callable[[str], None]) -> tuple[str, ForeignModel]:
    """Return the first importer that accepts the file, and the model.

    Importers of plugins come first, then built-in ones that come with their own architecture: they are more specific.
    """
    options = {**given.tables, "allow_pt": given.allow_pt, "vocabulary": given.vocabulary}
    chosen = options.get("importer")
    if chosen is not None:
        registry.lookup("importer", chosen)
    makers = {registry.owner("architecture", name) for name in registry.architectures}

    def rank(name: str) -> tuple[bool, bool]:
        owner = registry.owner("importer", name)
        return registry.plugin(owner).builtin, owner not in makers

    names = [chosen] if chosen is not None else sorted(registry.importers, key=rank)
    for name in names:
        try:
            found = _ask(name, path, options, registry)
        except PluginError as error:
            if chosen is not None:
                raise
            warn(error.message)
            continue
        if found is not None:
            return name, found
    if chosen:
        raise UsageError(f"the importer {chosen} does not accept {path.name}")
    raise UsageError(recognise_file(path).message(path))


def _ask(name: str, path: Path, options: Mapping[str, Any], registry: Registry) -> ForeignModel | None:
    """Ask one importer. Its SeqshellErrors are about the file; any other exception becomes a PluginError."""
    info = registry.plugin(registry.owner("importer", name))
    importer = registry.importers[name]

    def read() -> Any:
        try:
            found = importer(path, options)
        except SeqshellError as error:
            return error
        if found is not None and not isinstance(found, ForeignModel):
            raise PluginError(f"it returned a {type(found).__name__}, not a seqshell.ForeignModel or None")
        return found

    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not part of the result
        guard = Guard(f"{info.title}: the importer {name}", info.owner, f"failed at {path.name}", passes_errors=False)
        answer: ForeignModel | SeqshellError | None = guard.call(read)
    if isinstance(answer, SeqshellError):
        raise answer
    return answer


def completed_model(model: ForeignModel, given: Given, registry: Registry) -> ForeignModel:
    """Add what the user says about the model; it overrides the file. Raises UsageError if the tokens are missing."""
    tables, tokenizer = given.tables, model.tokenizer
    is_read = getattr(tokenizer, "tokens", None) == given.vocabulary  # by an importer that knows their roles
    if given.vocabulary and model.task == Task.GENERATE and not is_read:
        tokenizer = tokenizer_of(given.vocabulary, ends_lines=True)
    if "tokenizer" in tables:
        tokenizer = map_tokenizer(tables["tokenizer"], given.folder, registry)
        if "text" in tables["tokenizer"] and model.tokenizer is not None:
            _check_same_tokens(tokenizer, model.tokenizer, tables["tokenizer"]["text"])
    elif tokenizer is None and model.series is None:
        tokenizer = _guessed_tokenizer(model, registry)
    return replace(
        model,
        tokenizer=tokenizer,
        defaults={**model.defaults, **tables.get("defaults", {})},
        about=tables.get("about", model.about),
    )


def built_model(model: ForeignModel, importer: str, registry: Registry) -> BuiltModel:
    """Build the module of a completed model, and check it with the outputs of the original, if there are any.

    Raises CheckpointError or UsageError if the parts do not fit each other.
    """
    architecture: Architecture = registry.lookup("architecture", model.architecture)
    if architecture.task != model.task:
        raise CheckpointError(
            f"the importer {importer} returned a model for the task {model.task}, "
            f"but {model.architecture} is for {architecture.task}"
        )
    config = read_config(architecture, model.config)
    _check_size(model.tokenizer, config, parts_of(architecture.task).vocab_field)
    _check_size(model.source_tokenizer, config, "source_vocab_size")
    module = build_module(architecture, config, model.weights).eval()
    if not model.checks:
        return BuiltModel(config, module)
    from seqshell.models.known_outputs import largest_difference

    return BuiltModel(config, module, largest_difference(architecture, module, model.checks))


def _check_same_tokens(tokenizer: Tokenizer, own: Tokenizer, name: str) -> None:
    """Raise UsageError if a text gives other tokens than the file has, or in another order."""
    if tokenizer.to_json() != own.to_json():
        raise UsageError(
            f"the file has its own {own.size} tokens, and they are not the sorted characters of {name}; "
            'leave [tokenizer] text out of the map, or write vocabulary = "abc..." to replace them'
        )


def _guessed_tokenizer(model: ForeignModel, registry: Registry) -> Tokenizer:
    """Return the byte tokenizer if the vocabulary has the size of one. Raises UsageError otherwise."""
    size = model.config.get("vocab_size")
    if size == BYTES:
        tokenizer: Tokenizer = registry.tokenizers["byte"]()
        return tokenizer
    raise UsageError(
        f"the file does not name its {size} tokens; write --vocab FILE, with one token in each line, or --map MAP.toml "
        'with [tokenizer] and below it vocabulary = "abc..." or text = "input.txt"'
    )


def _check_size(tokenizer: Tokenizer | None, config: Any, key: str) -> None:
    size = getattr(config, key, None)
    if tokenizer is not None and size is not None and tokenizer.size != size:
        raise UsageError(f"the weights are for {size} tokens, but the {tokenizer.name} tokenizer has {tokenizer.size}")
