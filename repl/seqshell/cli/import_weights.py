"""`seqshell import`: its options and its output. The caller adds the common options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.cli.progress import print_json
from seqshell.cli.registry import registry_for_command
from seqshell.core import paths
from seqshell.core.named_files import named_path
from seqshell.core.sanitize import safe
from seqshell.host.command_lines import command_line

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.models.foreign_models import Given


MAP = """\
MAP.toml (leave out whatever the file itself shows):
  about = "one sentence"       what the model does
  labels = ["bad", "good"]     of a classifier, if the file does not name them
  importer = "state_dict"      use this importer; default: try those of plugins first
  [tokenizer]                  only if the file does not name its characters
  vocabulary = "\\n abc..."     tokens by id; or file = "vocab.txt"; or text = "input.txt" for
                               the sorted characters of the training text
  [weights]                    names in the file, of modules or weights
  recurrent = "rnn"            for several layers, bottom first: ["rnn1", "rnn2"]
  embedding = "encoder"        false: tokens are one-hot
  readout = "decoder"          the embedding's name if they share weights
  ignore = ["criterion"]       entries that the model does not need
  inside = "model_state"       the entry of a .pt file that holds the weights
  [config]                     settings that the weights do not show
  nonlinearity = "relu"        of nn.RNN
  [defaults]
  sampler = "temperature=0.8"  also strategy and max_tokens"""


def add_import_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell import`."""
    parser.epilog = MAP
    parser.add_argument("file", metavar="FILE", help="file of a model: safetensors, or of PyTorch, Keras or ONNX")
    parser.add_argument(
        "--vocab",
        metavar="FILE",
        help="its tokens by id: one in each line, a JSON list or object, or a pickle of these",
    )
    parser.add_argument("--map", metavar="MAP.toml", help="names of the weights, settings and vocabulary; see below")
    parser.add_argument(
        "--out", metavar="NAME|PATH", help="checkpoint to write; default: the name of FILE in your models folder"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show the tree of the file, what would be imported, and what is missing; write nothing",
    )
    parser.add_argument(
        "--allow-pt",
        action="store_true",
        help="let importers of plugins unpickle files, which can run code; the built-in ones never do",
    )


def import_command(arguments: Namespace) -> int:
    """Write the checkpoint and return 0. Raises SeqshellError if the file cannot be imported."""
    from seqshell.models.file import read_header
    from seqshell.models.foreign_models import Given
    from seqshell.models.importing import import_model

    registry = registry_for_command(arguments, tolerant=True)
    path = named_path(arguments.file)
    map_path, vocab_path = (named_path(name) if name else None for name in (arguments.map, arguments.vocab))
    given = Given.read(map_path, vocab_path, allow_pt=arguments.allow_pt)
    if arguments.explain:
        return _explain(path, given, registry, as_json=arguments.json)
    imported = import_model(path, registry, given=given, out=arguments.out, warn=_warn)
    header = read_header(imported.path)
    name = imported.path.name.removesuffix(paths.ENDING)
    summary = {
        "model": name,
        "path": str(imported.path),
        "task": header["task"],
        "architecture": header["architecture"],
        "importer": imported.importer,
    }
    if imported.difference is not None:
        summary["difference"] = imported.difference
    if arguments.json:
        print_json({**summary, "parameters": header["parameters"], "config": header["config"]})
        return 0
    settings = ", ".join(f"{key}={value}" for key, value in imported.model.config.items())
    tokenizer = header["tokenizer"].get("name", "")
    print(safe(f"{header['architecture']} with {settings}; tokenizer {tokenizer}; {header['parameters']:,} parameters"))
    if imported.difference is not None:
        print(f"its outputs are those of the original (largest difference: {imported.difference:.2g})")
    model = arguments.out if arguments.out and paths.is_path(arguments.out) else name
    print(safe(f"wrote {imported.path}; open it with {command_line(registry, '-m', model)}"))
    return 0


def _explain(path: Path, given: Given, registry: Registry, *, as_json: bool) -> int:
    """Print what a file contains and what would be imported. Returns 0, also if it cannot be imported."""
    from seqshell.models.explaining import explain

    found = explain(path, given, registry, _warn)
    model = found.model
    if as_json:
        guess: dict[str, Any] = {}
        if model is not None:
            guess = {"importer": found.importer, "task": str(model.task), "architecture": model.architecture}
            guess["config"] = dict(model.config)
        print_json({"file": path.name, "what": found.what, "tree": found.tree, **guess, "problem": found.problem})
        return 0
    print(safe("\n".join((found.what, *(f"  {line}" for line in found.tree)))))
    if model is not None:
        settings = ", ".join(f"{key}={value}" for key, value in model.config.items())
        print(safe(f"importer {found.importer}: {model.architecture} with {settings}"))
    print(safe(f"problem: {found.problem}" if found.problem else f"complete: seqshell import {path}"))
    return 0


def _warn(text: str) -> None:
    print(safe(text), file=sys.stderr)
