"""The model's continuation of an unfinished line, as a suggestion. Computed without changing the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError
from seqshell.core.tasks import task_spec

if TYPE_CHECKING:
    from seqshell.session import Session

MAX_READ = 400  # tokens of the line; reading a longer one would take too long
MAX_TOKENS = 24  # of the suggestion


def continuation(session: Session, text: str, stopped: Callable[[], bool]) -> str:
    """Return the model's greedy continuation of `text`: the rest of the line, or whole words of MAX_TOKENS tokens.

    Empty if the model cannot continue a text, cannot read the text, or `stopped` returns True.
    """
    model, state = session.model, session.here.state
    if not task_spec(model.task).can_continue or not model.causal or not text:
        return ""
    import numpy as np

    tokenizer = model.tokenizer
    try:
        ids = tokenizer.encode(text)
    except SeqshellError:
        return ""
    if not ids or len(ids) > MAX_READ or stopped():
        return ""
    outputs, state = model.decoder.feed(np.array([ids], np.int64), state)
    specials = {
        special for special in (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) if special is not None
    }
    pieces = b""
    for _ in range(MAX_TOKENS):
        token = int(outputs[0].argmax())
        piece = b"" if token in specials else tokenizer.piece(token)
        if not piece or stopped():
            return _printable(pieces)
        pieces += piece
        if b"\n" in piece:
            return _printable(pieces.partition(b"\n")[0])
        outputs, state = model.decoder.step(np.array([token], np.int64), state)
    whole, space, _ = _printable(pieces).rstrip().rpartition(" ")
    return whole if space and whole.strip() else _printable(pieces)


def _printable(pieces: bytes) -> str:
    """Decode the bytes up to the first incomplete or unprintable character."""
    text = pieces.decode("utf-8", "ignore")
    end = next((index for index, character in enumerate(text) if not character.isprintable()), len(text))
    return text[:end]
