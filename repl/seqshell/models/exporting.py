"""Write a model without seqshell: as a file of PyTorch with its weights, or as ONNX graphs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqshell.core import paths
from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import CheckpointError, PluginError, UsageError
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.plugin_guard import Guard
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.version import __version__
from seqshell.exporting import PlainModel
from seqshell.exporting.plain_model import indented
from seqshell.host import resolve
from seqshell.models import file
from seqshell.models.building import fitting, read_config
from seqshell.models.ownership import find_architecture
from seqshell.models.task_parts.parts import parts_of

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer
    from seqshell.host import Registry
    from seqshell.models.task_parts.parts import Contents

ENDINGS: Mapping[str, str] = {"pytorch": ".py", "onnx": ".onnx"}
PROGRAM = '''\
"""A model of PyTorch, written by seqshell {version}.

It needs torch and the two files beside it with the same name, its weights (.pt) and its tokens or labels (.json).
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

ABOUT = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))  # {keys}


{code}

def load():
    """The model with its weights."""
    model = Model()
    model.load_state_dict(torch.load(Path(__file__).with_suffix(".pt"), weights_only=True))
    return model.eval()


{texts}@torch.inference_mode()
def main(words):
    """Print what the model says of the arguments of the command line."""
    model = load()
{example}

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: python {{sys.argv[0]}} {usage}")
    main(sys.argv[1:])
'''


TEXTS = '''\
def encode(text):
    """The ids of {unit}."""
    return {encode}


def decode(token):
    """The text of an id."""
    return ABOUT["tokens"][token]


'''


def export_model(word: str | Path, registry: Registry, form: str, out: str | None = None) -> list[Path]:
    """Write the model with this name or path without seqshell. Returns the paths of the files.

    form: a key of ENDINGS. out: the path of the first file; None: the model's name in the current folder, which must be
    free. Raises CheckpointError as open_model does, and UsageError if its architecture cannot be exported.
    """
    path = paths.find_checkpoint(word, registry.checkpoint_folders)
    name = path.name.removesuffix(paths.ENDING)
    target = output_file(out if out is not None else f"{name}{ENDINGS[form]}")
    if target.suffix != ENDINGS[form]:
        raise UsageError(f"{form} is written to a file whose name ends with {ENDINGS[form]}, not {target.name}")
    if form == "pytorch" and target.stem in {*sys.stdlib_module_names, "torch"}:
        raise UsageError(f"{target.name} would hide Python's module {target.stem}; -o FILE.py chooses another name")
    header, weights = file.read(path)
    file.require_kind(header, "model", path, word)
    known, architecture = find_architecture(header, registry, path.name)
    if architecture.export is None:
        raise UsageError(f"{name} cannot be exported: the architecture {known} has no exporter")
    try:
        config = read_config(architecture, header["config"])
        contents = parts_of(architecture.task).read(header, config, registry)
        with fitting(architecture):
            export = resolve(architecture.export)
        owner = registry.plugin(registry.owner("architecture", known))
        what = f"{owner.title}: the exporter of {known}"
        with Guard(what, owner.owner, f"failed at {name}"):
            model = export(config, weights)
            if not isinstance(model, PlainModel):
                raise PluginError(f"{what} returned a {type(model).__name__}, not a PlainModel")
            files = _as_onnx(model, name, target, contents) if form == "onnx" else _as_pytorch(model, target, contents)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error.message}") from None
    _check_free(list(files), out)
    for each, data in files.items():
        write_atomically(each, data)
    return list(files)


def _check_free(files: list[Path], out: str | None) -> None:
    """Raise UsageError for a file that is there already, unless the user named the first one, which is there, too."""
    taken = [each for each in files if each.exists()]
    if taken and (out is None or taken[0] != files[0]):
        way_out = "chooses another name" if out is not None else "replaces it or chooses another name"
        raise UsageError(f"{shown_name(taken[0])} exists already; -o FILE{files[0].suffix} {way_out}")


def _as_onnx(model: PlainModel, name: str, target: Path, contents: Contents) -> dict[Path, bytes]:
    """The graphs, each in a file; that of a name has it before the ending."""
    if not model.graphs:
        raise UsageError(f"{name} cannot be exported to onnx; --to pytorch can")
    parts = {part: make() for part, make in model.graphs.items()}
    return {target.with_suffix(f".{part}.onnx" if part else ".onnx"): graph.to_bytes() for part, graph in parts.items()}


def _as_pytorch(model: PlainModel, target: Path, contents: Contents) -> dict[Path, bytes]:
    """The program, its weights and what it knows of tokens and labels. No text of the model is part of the program."""
    import torch

    tensors = {id(each): torch.from_numpy(np.array(each)) for each in model.weights.values()}  # shared ones once
    state_dict = io.BytesIO()
    torch.save({key: tensors[id(each)] for key, each in model.weights.items()}, state_dict)
    about = _about(contents)
    texts, usage = text_functions(contents)
    program = PROGRAM.format(
        version=__version__,
        keys=", ".join(about),
        code=model.code,
        texts=texts,
        usage=usage,
        example=indented(model.example, 1),
    )
    return {
        target: program.encode("utf-8"),
        target.with_suffix(".pt"): state_dict.getvalue(),
        target.with_suffix(".json"): json.dumps(about, ensure_ascii=False, indent=1).encode("utf-8", "replace"),
    }


def _about(contents: Contents) -> dict[str, Any]:
    """What the program must know beside the weights: the texts of tokens, the names of classes, of columns."""
    if contents.series is not None:
        series = contents.series
        return {"columns": series.columns, "mean": series.mean, "std": series.std, "quantiles": series.quantiles}
    about: dict[str, Any] = {"tokens": _pieces(contents.tokenizer)}
    if contents.source_tokenizer is not None:
        about["source_tokens"] = _pieces(contents.source_tokenizer)
    return {**about, "labels": contents.labels} if contents.labels else about


def _pieces(tokenizer: Tokenizer) -> list[str]:
    return [tokenizer.piece(token).decode("utf-8", "backslashreplace") for token in range(tokenizer.size)]


def text_functions(contents: Contents) -> tuple[str, str]:
    """The code of encode and decode, and what the arguments of the program are."""
    if contents.series is not None:
        return "", "NUMBER ..."
    tokenizer = contents.source_tokenizer or contents.tokenizer
    first = 4 if tokenizer.pad is not None else 0  # PAD, BOS, EOS and UNK come before
    if isinstance(tokenizer, CharTokenizer):
        start = f", {first}" if first else ""
        unit, encode = "the characters of a text", f'[ABOUT["tokens"].index(character{start}) for character in text]'
    elif isinstance(tokenizer, ByteTokenizer):
        added = f"[{first} + byte for byte in text.encode()]"
        unit, encode = "the bytes of a text", added if first else "list(text.encode())"
    else:
        unit, encode = "a text of ids, separated by spaces", "[int(word) for word in text.split()]"
    usage = "ID ..." if "int(" in encode else "TEXT"
    return TEXTS.format(unit=unit, encode=encode), usage
