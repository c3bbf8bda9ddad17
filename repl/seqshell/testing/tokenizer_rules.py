"""The rules for every tokenizer, trained on a small text with and without special tokens."""

from __future__ import annotations

import codecs
import inspect
import itertools
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from seqshell.core.errors import CheckpointError, VocabularyError, reason_of
from seqshell.core.tokenizers import SPECIALS
from seqshell.testing.check import Finding, attempt

TEXT = (
    "the cat sat on the mat; the dog sat on the log.\n"
    "It was a caf\u00e9: the cat and the dog were friends, the mat and the log were not.\n"
)
COMMON = "the"
UNKNOWN = "the \u732b"
INVALID: tuple[Any, ...] = (None, 7, [None], {"": []})  # instead of the values from to_json


def tokenizer_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any."""
    yield "it has a name and can be trained on texts", partial(_trains, offered)
    for specials in (False, True) if _has_specials(offered) else (False,):
        prefix = "with specials: " if specials else ""
        tries = partial(_first, offered, specials)
        yield f"{prefix}its ids are 0 to size - 1, and the piece of each is bytes", partial(tries, _ids)
        yield f"{prefix}the pieces of a text's ids join to the text", partial(tries, _round_trip)
        yield f"{prefix}decoding piece by piece gives the whole text", partial(tries, _streamed)
        yield f"{prefix}to_json and from_json change nothing", partial(tries, _kept)
        yield f"{prefix}unknown text gives UNK or a VocabularyError", partial(_unknown, offered, specials)
        if specials:
            yield (
                "with specials: PAD, BOS, EOS and UNK are 0 to 3, and the first three have no text",
                partial(_specials, offered),
            )
    yield "from_json raises only CheckpointError for invalid data", partial(_rejects, offered)


def _has_specials(offered: type[Any]) -> bool:
    return "specials" in inspect.signature(offered.train).parameters


def _trained(offered: type[Any], specials: bool) -> Any:
    return offered.train([TEXT], specials=True) if specials else offered.train([TEXT])


def _trains(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    size = _trained(offered, False).size
    return "" if type(size) is int and size > 0 else f"its size is {size!r}"


def _texts() -> Iterator[str]:
    """Yield prefixes of the training text, shortest first."""
    yield from (TEXT[: match.end()] for match in re.finditer(r"\S+", TEXT))


def _first(offered: type[Any], specials: bool, holds: Callable[[Any, str], str]) -> Finding:
    """Find the shortest text that breaks a rule."""
    tokenizer = _trained(offered, specials)
    for text in _texts():
        if seen := attempt(partial(holds, tokenizer, text)):
            return Finding(seen, repr(text))
    return Finding()


def _ids(tokenizer: Any, text: str) -> str:
    for token in tokenizer.encode(text):
        if not isinstance(token, int) or not 0 <= token < tokenizer.size:
            return f"id {token!r} is outside 0 to {tokenizer.size - 1}"
        if not isinstance(tokenizer.piece(token), bytes):
            return f"the piece of {token} is {tokenizer.piece(token)!r:.40}"
    return ""


def _joined(tokenizer: Any, text: str) -> bytes:
    return b"".join(tokenizer.piece(token) for token in tokenizer.encode(text))


def _round_trip(tokenizer: Any, text: str) -> str:
    """The text is restored, apart from the amount of white space."""
    if tokenizer.unk is not None and tokenizer.unk in tokenizer.encode(text):  # a newline or a rare word
        return f"{text!r} is UNK" if text.strip() == COMMON else ""
    seen = _joined(tokenizer, text).decode("utf-8", "replace")
    return "" if seen.split() == text.split() else repr(seen)


def _streamed(tokenizer: Any, text: str) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    ids = tokenizer.encode(text)
    text_of_pieces = "".join(decoder.decode(tokenizer.piece(token)) for token in ids) + decoder.decode(b"", final=True)
    if text_of_pieces != _joined(tokenizer, text).decode():
        return f"{text_of_pieces!r}"
    again = b"".join(tokenizer.piece(token) for token in reversed(ids))
    return "" if len(again) == len(_joined(tokenizer, text)) else "a piece depends on earlier calls"


def _kept(tokenizer: Any, text: str) -> str:
    again = type(tokenizer).from_json(json.loads(json.dumps(tokenizer.to_json(), allow_nan=False)))
    if again.size != tokenizer.size:
        return f"size {again.size} instead of {tokenizer.size}"
    for name in ("pad", "bos", "eos", "unk"):
        if getattr(again, name) != getattr(tokenizer, name):
            return f"{name} is {getattr(again, name)} instead of {getattr(tokenizer, name)}"
    if again.encode(text) != tokenizer.encode(text):
        return f"{again.encode(text)} instead of {tokenizer.encode(text)}"
    changed = [token for token in range(tokenizer.size) if again.piece(token) != tokenizer.piece(token)]
    return (
        f"the piece of {changed[0]} is {again.piece(changed[0])!r} instead of {tokenizer.piece(changed[0])!r}"
        if changed
        else ""
    )


def _unknown(offered: type[Any], specials: bool) -> Finding:
    tokenizer = _trained(offered, specials)
    try:
        ids = tokenizer.encode(UNKNOWN)
    except VocabularyError as error:
        return Finding() if error.positions else Finding("the VocabularyError has no positions", repr(UNKNOWN))
    invalid = [token for token in ids if not 0 <= token < tokenizer.size]
    if invalid:
        return Finding(f"id {invalid[0]} is outside 0 to {tokenizer.size - 1}", repr(UNKNOWN))
    known = tokenizer.unk in ids or _joined(tokenizer, UNKNOWN).decode("utf-8", "replace").split() == UNKNOWN.split()
    return Finding() if known else Finding(f"{ids} without UNK ({tokenizer.unk})", repr(UNKNOWN))


def _specials(offered: type[Any]) -> str:
    tokenizer = _trained(offered, True)
    found = tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk
    if found != SPECIALS:
        return f"PAD, BOS, EOS and UNK are {found} instead of {SPECIALS}"
    pieces = [tokenizer.piece(token) for token in SPECIALS[:3]]
    return f"their pieces are {pieces}" if any(pieces) else ""


def _rejects(offered: type[Any]) -> Finding:
    kept = _trained(offered, False).to_json()
    for name, value in itertools.product(kept, INVALID):
        try:
            offered.from_json({**kept, name: value})
        except CheckpointError:
            continue
        except Exception as error:
            return Finding(reason_of(error), f"{name}={value!r}")
    return Finding()
