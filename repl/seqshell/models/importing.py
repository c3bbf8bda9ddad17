"""Import a file of another program: find an importer that reads it, build the model, check it and save it."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, PluginError, SeqshellError, UsageError
from seqshell.core.imported_model import ForeignModel
from seqshell.core.list_tokenizer import tokenizer_of
from seqshell.core.model import Architecture, Task
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.names import NAME
from seqshell.core.plugin_guard import Guard
from seqshell.foreign.recognition import recognise_file
from seqshell.models.building import build_module, read_config
from seqshell.models.import_map import map_tokenizer, read_map
from seqshell.models.saving import save_checkpoint
from seqshell.models.task_parts.parts import parts_of
from seqshell.models.vocabulary_file import read_vocabulary

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer
    from seqshell.host import Registry

ENDINGS = re.compile(r"(\.(safetensors|pt|pth|ckpt|bin|net|model|pkl|tar))+$|\.\w+$", re.I)
BYTES = 256  # a vocabulary of this size is one of bytes, unless a map says otherwise


@dataclass(frozen=True)
class Imported:
    """The path of the new checkpoint, the name of the importer, and the model that it read.

    difference: the largest one between outputs of the original and the model's; None if the file has no such outputs.
    """

    path: Path
    importer: str
    model: ForeignModel
    difference: float | None = None


def import_model(
    path: Path,
    registry: Registry,
    *,
    map_path: Path | None = None,
    vocab_path: Path | None = None,
    out: str | None = None,
    allow_pt: bool = False,
    warn: Callable[[str], None],
) -> Imported:
    """Save the model in a file of another program as a checkpoint.

    vocab_path: a file of its tokens. out: a name or path; None: the file's own name, which must be free. warn: called
    with a message for each importer that failed and was skipped, and as save_checkpoint does. Raises a SeqshellError
    that says what is wrong with the file, or what its map must contain.
    """
    if not path.exists():
        raise UsageError(f"no file {shown_name(path)!r}")
    target = _target(path, out)
    tables = read_map(map_path) if map_path else {}
    tokens = read_vocabulary(vocab_path) if vocab_path else ()
    importer, model = _read(path, {**tables, "allow_pt": allow_pt, "vocabulary": tokens}, registry, warn)
    if tokens and model.task == Task.GENERATE:
        model = replace(model, tokenizer=tokenizer_of(tokens, ends_lines=True))
    model = _with_map(model, tables, map_path.parent if map_path else Path(), registry)
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
    difference = None
    if model.checks:
        from seqshell.models.known_outputs import largest_difference

        difference = largest_difference(architecture, module, model.checks)
    written = save_checkpoint(
        target,
        architecture=model.architecture,
        module=module,
        config=config,
        tokenizer=model.tokenizer,
        source_tokenizer=model.source_tokenizer,
        labels=model.labels,
        series=model.series,
        defaults=model.defaults,
        about=model.about,
        provenance={"imported": {"file": path.name, "importer": importer}},
        registry=registry,
        warn=warn,
    )
    return Imported(written, importer, model, difference)


def _target(path: Path, out: str | None) -> Path:
    """Return the path to write.

    Raises UsageError if it is the imported file, or if it exists and was not given explicitly.
    """
    stem = ENDINGS.sub("", path.name) or path.stem
    if out is None and not NAME.fullmatch(stem):
        raise UsageError(f"{stem!r} is not a valid model name; choose one with --out NAME")
    target = output_file(paths.output_path(out if out is not None else stem, "models"))
    if target.exists() and target.samefile(path):
        raise UsageError(
            f"--out {out} is the imported file itself; with a name, the checkpoint is saved in your models folder"
        )
    if out is None and target.exists():
        raise UsageError(f"you already have a model {stem}: --out NAME chooses another name, --out {stem} replaces it")
    return target


def _read(
    path: Path, options: Mapping[str, Any], registry: Registry, warn: Callable[[str], None]
) -> tuple[str, ForeignModel]:
    """Return the first importer that accepts the file, and the model.

    Importers of plugins come first, then built-in ones that come with their own architecture: they are more specific.
    """
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


def _with_map(model: ForeignModel, tables: Mapping[str, Any], folder: Path, registry: Registry) -> ForeignModel:
    """Add what the map says about the model; it overrides the file."""
    tokenizer = model.tokenizer
    if "tokenizer" in tables:
        tokenizer = map_tokenizer(tables["tokenizer"], folder, registry)
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
