"""The rules that hold for every tokenizer, learnt from a small text with and without specials."""

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
from seqshell.testing.check import Found, attempt

TEXT = "the cat sat on the mat; the dog sat on the log.\nIt was a caf\u00e9: the cat and the dog were friends, the mat and the log were not.\n"
COMMON = "the"
UNKNOWN = "the \u732b"
RUBBISH: tuple[Any, ...] = (None, 7, [None], {"": []})  # in place of what to_json wrote


def tokenizer_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str | Found]]]:
    """Each rule in words, with the function that tries it and returns how it was broken and where, or nothing."""
    yield "it has a name and learns from texts", partial(_learns, offered)
    for specials in (False, True) if _knows_specials(offered) else (False,):
        words = "with specials: " if specials else ""
        tries = partial(_first, offered, specials)
        yield f"{words}its ids are 0 to size - 1, and each has a piece of bytes", partial(tries, _ids)
        yield f"{words}the joined pieces of a text's ids are the text", partial(tries, _round_trip)
        yield f"{words}pieces told one at a time are the whole text", partial(tries, _streamed)
        yield f"{words}to_json, JSON and from_json change nothing", partial(tries, _kept)
        yield f"{words}what it does not know is UNK or a VocabularyError", partial(_unknown, offered, specials)
        if specials:
            yield "with specials: they are 0 to 3, and PAD, BOS and EOS have no text", partial(_specials, offered)
    yield "from_json takes rubbish, or refuses it with a CheckpointError", partial(_refuses, offered)


def _knows_specials(offered: type[Any]) -> bool:
    return "specials" in inspect.signature(offered.train).parameters


def _learnt(offered: type[Any], specials: bool) -> Any:
    return offered.train([TEXT], specials=True) if specials else offered.train([TEXT])


def _learns(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    size = _learnt(offered, False).size
    return "" if type(size) is int and size > 0 else f"its size is {size!r}"


def _texts() -> Iterator[str]:
    """Beginnings of the text that it learnt from, the shortest first."""
    yield from (TEXT[: match.end()] for match in re.finditer(r"\S+", TEXT))


def _first(offered: type[Any], specials: bool, holds: Callable[[Any, str], str]) -> Found:
    """The shortest of the texts that breaks a rule."""
    tokenizer = _learnt(offered, specials)
    for text in _texts():
        if seen := attempt(partial(holds, tokenizer, text)):
            return Found(seen, repr(text))
    return Found()


def _ids(tokenizer: Any, text: str) -> str:
    for token in tokenizer.encode(text):
        if not isinstance(token, int) or not 0 <= token < tokenizer.size:
            return f"the id {token!r} of {tokenizer.size}"
        if not isinstance(tokenizer.piece(token), bytes):
            return f"the piece of {token} is {tokenizer.piece(token)!r:.40}"
    return ""


def _joined(tokenizer: Any, text: str) -> bytes:
    return b"".join(tokenizer.piece(token) for token in tokenizer.encode(text))


def _round_trip(tokenizer: Any, text: str) -> str:
    """But for how much white space stands between words, and before the first."""
    if tokenizer.unk is not None and tokenizer.unk in tokenizer.encode(text):  # a break of lines, a rare word
        return f"{text!r} is UNK" if text.strip() == COMMON else ""
    seen = _joined(tokenizer, text).decode("utf-8", "replace")
    return "" if seen.split() == text.split() else repr(seen)


def _streamed(tokenizer: Any, text: str) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    ids = tokenizer.encode(text)
    told = "".join(decoder.decode(tokenizer.piece(token)) for token in ids) + decoder.decode(b"", final=True)
    if told != _joined(tokenizer, text).decode():
        return f"{told!r}"
    again = b"".join(tokenizer.piece(token) for token in reversed(ids))
    return "" if len(again) == len(_joined(tokenizer, text)) else "a piece depends on what was asked before"


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


def _unknown(offered: type[Any], specials: bool) -> Found:
    tokenizer = _learnt(offered, specials)
    try:
        ids = tokenizer.encode(UNKNOWN)
    except VocabularyError as error:
        return Found() if error.positions else Found("the VocabularyError has no positions", repr(UNKNOWN))
    strange = [token for token in ids if not 0 <= token < tokenizer.size]
    if strange:
        return Found(f"the id {strange[0]} of {tokenizer.size}", repr(UNKNOWN))
    known = tokenizer.unk in ids or _joined(tokenizer, UNKNOWN).decode("utf-8", "replace").split() == UNKNOWN.split()
    return Found() if known else Found(f"{ids}, without the UNK {tokenizer.unk}", repr(UNKNOWN))


def _specials(offered: type[Any]) -> str:
    tokenizer = _learnt(offered, True)
    found = tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk
    if found != SPECIALS:
        return f"PAD, BOS, EOS and UNK are {found} instead of {SPECIALS}"
    told = [tokenizer.piece(token) for token in SPECIALS[:3]]
    return f"their pieces are {told}" if any(told) else ""


def _refuses(offered: type[Any]) -> Found:
    kept = _learnt(offered, False).to_json()
    for name, value in itertools.product(kept, RUBBISH):
        try:
            offered.from_json({**kept, name: value})
        except CheckpointError:
            continue
        except Exception as error:
            return Found(reason_of(error), f"{name}={value!r}")
    return Found()
