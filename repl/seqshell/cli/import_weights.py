"""The options of `seqshell import`, and what it prints. The options that every subcommand has are added by the caller."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.sanitize import safe

if TYPE_CHECKING:
    from seqshell.host import Registry


MAP = """\
MAP.toml, all of which may be left out where the file leaves no doubt:
  about = "what it is"
  importer = "state_dict"      only this one is asked; else those of plugins first
  [tokenizer]                  which tokens the numbers are for; also file = "vocab.json", or
  vocabulary = "\\n abc..."     text = "input.txt": the characters of the training text in order
  [weights]                    names in the file, of modules or weights
  recurrent = "rnn"            or several, from the bottom up: ["rnn1", "rnn2"]
  embedding = "encoder"        false: tokens are one-hot
  readout = "decoder"          the embedding's name where they share their matrix
  ignore = ["criterion"]       what no part of the model needs
  inside = "model_state"       of a .pt: the entry that holds the weights
  [config]                     settings that no weight shows
  nonlinearity = "relu"        of nn.RNN
  [defaults]
  sampler = "temperature=0.8"  also strategy and max_tokens"""


def add_import_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell import`."""
    parser.epilog = MAP
    parser.add_argument("file", metavar="FILE", help="weights of another program: .safetensors, or .pt with --allow-pt")
    parser.add_argument("--map", metavar="MAP.toml", help="which weight is which, the settings and the vocabulary")
    parser.add_argument(
        "--out", metavar="NAME|PATH", help="the checkpoint; default: the file's name, among your models"
    )
    parser.add_argument("--allow-pt", action="store_true", help="read .pt and .pth, with torch's weights_only")


def import_command(arguments: Namespace, registry: Registry) -> int:
    """Write the checkpoint and return 0. SeqshellErrors are the caller's."""
    from seqshell.models.file import read_header
    from seqshell.models.importing import import_model

    imported = import_model(
        Path(arguments.file).expanduser(),
        registry,
        map_path=Path(arguments.map).expanduser() if arguments.map else None,
        out=arguments.out,
        allow_pt=arguments.allow_pt,
        warn=lambda text: print(safe(text), file=sys.stderr),
    )
    header = read_header(imported.path)
    name = imported.path.name.removesuffix(paths.ENDING)
    told = {
        "model": name,
        "path": str(imported.path),
        "task": header["task"],
        "architecture": header["architecture"],
        "importer": imported.importer,
    }
    if arguments.json:
        print(json.dumps({**told, "parameters": header["parameters"], "config": header["config"]}, ensure_ascii=False))
        return 0
    settings = ", ".join(f"{key}={value}" for key, value in imported.model.config.items())
    tokenizer = header["tokenizer"].get("name", "")
    print(safe(f"{header['architecture']} with {settings}; tokenizer {tokenizer}; {header['parameters']:,} parameters"))
    model = arguments.out if arguments.out and paths.is_path(arguments.out) else name
    print(safe(f"wrote {imported.path}; seqshell -m {model} opens it"))
    return 0
