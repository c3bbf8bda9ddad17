"""What the live model would say next, computed beside the session: a snapshot is never written to, and decoder calls are pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError
from seqshell.core.model import Task

if TYPE_CHECKING:
    from seqshell.session import Session

MOST_READ = 400  # tokens of the line; a longer one is too dear to read for a suggestion
MOST_TOKENS = 24


def continuation(session: Session, text: str, stopped: Callable[[], bool]) -> str:
    """The model's greedy continuation of `text`, to the end of the line, or to the last whole word of MOST_TOKENS tokens.

    Empty when the model has none: it does not generate, does not know a character, or `stopped` says that nobody waits any more.
    """
    model, state = session.model, session.here.state
    if model.task != Task.GENERATE or not model.causal or not text:
        return ""
    import numpy as np

    tokenizer = model.tokenizer
    try:
        ids = tokenizer.encode(text)
    except SeqshellError:
        return ""
    if not ids or len(ids) > MOST_READ or stopped():
        return ""
    outputs, state = model.decoder.feed(np.array([ids], np.int64), state)
    specials = {
        special for special in (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) if special is not None
    }
    pieces = b""
    for _ in range(MOST_TOKENS):
        token = int(outputs[0].argmax())
        piece = b"" if token in specials else tokenizer.piece(token)
        if not piece or stopped():
            return _shown(pieces)
        pieces += piece
        if b"\n" in piece:
            return _shown(pieces.partition(b"\n")[0])
        outputs, state = model.decoder.step(np.array([token], np.int64), state)
    whole, space, _ = _shown(pieces).rstrip().rpartition(" ")
    return whole if space and whole.strip() else _shown(pieces)


def _shown(pieces: bytes) -> str:
    """Whole characters, up to the first that cannot be printed."""
    text = pieces.decode("utf-8", "ignore")
    end = next((index for index, character in enumerate(text) if not character.isprintable()), len(text))
    return text[:end]
