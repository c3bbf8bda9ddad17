"""A file of `--vocab`: the tokens of a model, in the order of their ids."""

from __future__ import annotations

import io
from pathlib import Path

from seqshell.core.errors import UsageError
from seqshell.core.json_values import parsed
from seqshell.core.named_files import read_bytes, shown_name
from seqshell.foreign.calls import CALLS
from seqshell.foreign.pickles import PickleFault, read_pickle
from seqshell.foreign.torch_files import read_torch
from seqshell.foreign.vocabularies import Tokens, vocabularies_in

MAX_SIZE = 200_000_000  # bytes
ARCHIVE = b"PK\3\4"


def read_vocabulary(path: Path) -> Tokens:
    """Read a text with one token in each line, a JSON list or object, or a pickle, which is never executed.

    A line may have a second column: the token's id, if they are 0 to the number of lines, else its count, which is
    ignored. An object or a dict has the ids of tokens, or tokens by id. Raises UsageError if the file is none of these.
    """
    data, shown = read_bytes(path, most=MAX_SIZE), shown_name(path)
    if not data:
        raise UsageError(f"{shown} is empty; --vocab needs one token in each line")
    if data.startswith(ARCHIVE) or data[0] == 0x80 or data.rstrip()[-1:] == b".":
        found = _of_pickle(data, path)
    else:
        found = []
    if not found and data.lstrip()[:1] in (b"[", b"{"):
        try:
            found = vocabularies_in(parsed(data))
        except (ValueError, RecursionError):
            found = []
    if len(found) > 1:
        sizes = ", ".join(f"{len(tokens):,}" for tokens in found)
        raise UsageError(f"{shown} has several vocabularies, of {sizes} tokens; write the right one into a file")
    return found[0] if found else _of_lines(data, shown)


def _of_pickle(data: bytes, path: Path) -> list[Tokens]:
    """The vocabularies of a pickle or a file of torch; none if it is a text."""
    try:
        if data.startswith(ARCHIVE):
            return vocabularies_in(read_torch(path))
        return vocabularies_in(read_pickle(io.BytesIO(data), CALLS))
    except PickleFault as fault:
        if data[0] == 0x80:
            raise UsageError(f"{shown_name(path)} is not read: {fault}") from None
        return []


def _of_lines(data: bytes, shown: str) -> Tokens:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{shown} is no vocabulary: not UTF-8 (byte {error.start}); --vocab needs one token in each line"
        ) from None
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    tokens = [line.strip() or line for line in lines]
    pairs = [token.rsplit(maxsplit=1) for token in tokens]
    if all(len(pair) == 2 and pair[1].isdecimal() for pair in pairs):
        ids = [int(pair[1]) for pair in pairs]
        tokens = [pair[0] for pair in pairs]
        if sorted(ids) == list(range(len(ids))):
            tokens = [token for _, token in sorted(zip(ids, tokens, strict=True))]
    if len(tokens) < 2:
        raise UsageError(f"{shown} is no vocabulary: it has one line; --vocab needs one token in each line")
    return tuple(tokens)
