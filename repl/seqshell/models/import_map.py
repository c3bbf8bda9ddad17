"""MAP.toml describes what a file of weights does not contain. These keys apply to every importer; importers may define
others.

    importer = "state_dict"         # use only this one
    about = "..."                   # for /info

    [tokenizer]                     # of the model's input and output, without special tokens
    name = "char"                   # char (default), byte, or one from a plugin
    vocabulary = "\n !',abc"        # char: the characters in order; or instead of it
    file = "vocab.json"             #   a file of tokens, as --vocab takes it: words, too
    text = "input.txt"              #   the training text, whose characters in code point order are the vocabulary;
                                    #   refused if the file names its characters and they are others

    [defaults]                      # the model's default settings
    sampler = "temperature=0.8"

Paths are relative to the map.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.list_tokenizer import tokenizer_of
from seqshell.core.named_files import named_path, read_bytes
from seqshell.models.tokenizer_header import read_tokenizer
from seqshell.models.vocabulary_file import read_vocabulary

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer
    from seqshell.host import Registry

DEFAULTS = {"sampler": str, "strategy": str, "max_tokens": int}


def read_map(path: Path) -> dict[str, Any]:
    """Read a MAP.toml and check the keys above. Raises UsageError that says what is wrong."""
    try:
        tables = tomllib.loads(_text(path).removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path.name} is not TOML: {str(error)[:200]}") from None
    for key, kind in {"importer": str, "about": str, "tokenizer": dict, "defaults": dict}.items():
        if not isinstance(tables.get(key, kind()), kind):
            expected = "a text" if kind is str else f"a table, [{key}] with its keys below it"
            raise UsageError(f"{path.name}: {key} must be {expected}, not {tables[key]!r:.60}")
    for key, value in tables.get("defaults", {}).items():
        if key not in DEFAULTS or type(value) is not DEFAULTS[key]:
            raise UsageError(
                f"{path.name}: invalid [defaults] {key} = {value!r:.60}; "
                f"it may have {', '.join(DEFAULTS)}: two texts and a whole number"
            )
    return tables


def map_tokenizer(table: Mapping[str, Any], folder: Path, registry: Registry) -> Tokenizer:
    """Build the tokenizer that [tokenizer] describes. folder: for relative paths.

    Raises UsageError that says what is missing.
    """
    data = {"name": "char", **table}
    sources = [key for key in ("vocabulary", "file", "text") if key in data]
    if data["name"] == "char":
        if len(sources) != 1:
            raise UsageError(
                '[tokenizer] of the map: char needs one of vocabulary = "abc...", file = "vocab.json" '
                'and text = "input.txt"'
            )
        if sources == ["text"]:
            data["vocabulary"] = "".join(sorted(set(_text(_path(folder, data.pop("text"))))))
        if sources == ["file"]:
            return tokenizer_of(read_vocabulary(_path(folder, data["file"])), ends_lines=True)
    try:
        return read_tokenizer(data, registry)
    except CheckpointError as error:
        raise UsageError(f"[tokenizer] of the map: {error.message}") from None


def _path(folder: Path, word: Any) -> Path:
    if not isinstance(word, str) or not word:
        raise UsageError(f"[tokenizer] of the map: {word!r:.60} is not a path")
    return named_path(word, folder)


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 (byte {error.start})") from None
