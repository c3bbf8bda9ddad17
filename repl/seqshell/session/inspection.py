"""What can be seen from the live moment without moving it: the text, the likeliest tokens, a text's score, the state's size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Likely, Score, Scored, Text, Top
from seqshell.core.model import Task
from seqshell.core.sampling import Draw, Sampler
from seqshell.core.state import State, named_leaves
from seqshell.decoding.chain import Chain
from seqshell.decoding.probabilities import log_probs, rank
from seqshell.session.cursor import Live
from seqshell.session.timeline import STRIDE, Read
from seqshell.session.token_text import decoded

SHOWN_LIKELIEST = 5  # beside each token of a score
SHOWN_NUMBERS = 8  # of a state that is whole numbers
LONGEST_LINES = 256  # tokens of the last two lines that are shown at most
FIRST_WORDS = 40  # characters
BEFORE_FIRST = (" ", "\n")  # what a word's piece begins with, and a row's of several values


def text_of(live: Live, node: int) -> Text:
    """The text up to a node, with the spans that the user fed. A last character that is incomplete is not in it.

    A text that a model writes or labels as a whole begins with its first word, not with the space before it.
    """
    text, tail = "", b""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    start = 0
    for run, first, last in live.timeline.stretches(node):
        text, tail = decoded(tail + _bytes(live, first, last))
        end = start + len(text)
        if live.timeline.read[run] == Read.FED and text:
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        parts.append(text)
        start = end
    whole = "".join(parts)
    if live.model.task is Task.GENERATE or not whole.startswith(BEFORE_FIRST):
        return Text(whole, tuple(spans))
    return Text(whole[1:], tuple((max(0, start - 1), end - 1) for start, end in spans))


def _bytes(live: Live, first: int, last: int) -> bytes:
    """Of the nodes of one run."""
    ids, words = live.timeline.ids[first : last + 1], live.timeline.words
    if not words:
        return live.pieces.joined(ids)
    return b"".join(_piece(live, node, token) for node, token in enumerate(ids, first))


def _piece(live: Live, node: int, token: int) -> bytes:
    word = live.timeline.words.get(node)
    return live.pieces.piece(token) if word is None else word.encode("utf-8", "surrogatepass")


def _bytes_to(live: Live, node: int, start: int) -> bytes:
    """From depth `start` to the node."""
    return b"".join(_bytes(live, first, last) for _, first, last in live.timeline.stretches(node, start))


def pieces_of(live: Live, node: int) -> list[str]:
    """The text of each token up to a node; a character that is spread over several tokens belongs to the last of them."""
    nodes = [number for _, first, last in live.timeline.stretches(node) for number in range(first, last + 1)]
    return _texts(_piece(live, number, live.timeline.ids[number]) for number in nodes)


def texts_of(live: Live, ids: Iterable[int]) -> list[str]:
    """The same of ids that were not committed."""
    return _texts(map(live.pieces.piece, ids))


def _texts(pieces: Iterable[bytes]) -> list[str]:
    texts, tail = [], b""
    for piece in pieces:
        text, tail = decoded(tail + piece)
        texts.append(text)
    return texts


def last_lines(live: Live, node: int) -> str:
    """The last two lines of the text up to a node; it takes as long as these lines are."""
    timeline, data = live.timeline, b""
    start = depth = timeline.depth(node)
    while start > 0 and depth - start < LONGEST_LINES and data.count(b"\n") < 2:
        before = max(0, start - 64)
        data = _bytes_to(live, timeline.ancestor(node, start), before) + data
        start = before
    text = decoded(data)[0]
    if not start and live.model.task is not Task.GENERATE:
        text = text[text.startswith(BEFORE_FIRST) :]
    return "\n".join((text.lstrip("\ufffd") if start else text).split("\n")[-2:])


def first_words(live: Live, node: int, start: int) -> str:
    """How the text goes on from a depth, on one line."""
    depth = live.timeline.depth(node)
    begin = min(start, depth)
    data = _bytes_to(live, live.timeline.ancestor(node, min(depth, begin + FIRST_WORDS)), begin)
    return " ".join(data.decode("utf-8", "replace").split())[:FIRST_WORDS]


def find_last(live: Live, text: str) -> int:
    """The position just after the last occurrence of a text. UsageError when there is none."""
    wanted = text.encode("utf-8", "surrogatepass")
    if not wanted:
        raise UsageError("name the text to go back to")
    node, position, count = live.here.node, live.position, 1024
    while True:
        start = max(0, position - count)
        place = _bytes_to(live, node, start).rfind(wanted)
        if place >= 0:
            end = place + len(wanted)
            for _, first, last in live.timeline.stretches(node, start):
                for number, token in enumerate(live.timeline.ids[first : last + 1], first):
                    end -= len(_piece(live, number, token))
                    if end <= 0:
                        return live.timeline.depth(number)
        if start == 0:
            raise UsageError(f"{text!r:.80} does not stand in the text of this branch", code="not_found")
        count *= 4


def top(live: Live, samplers: tuple[Sampler, ...], excluded: frozenset[int], draw: Draw, k: int) -> Top:
    """The k likeliest next tokens for the model, with what the chain makes of them."""
    outputs = live.outputs()
    before = log_probs(outputs)
    after = log_probs(Chain(samplers, excluded=excluded).logits(outputs, live.context(draw), live.memories(samplers)))
    best = np.argsort(-before, kind="stable")[:k]
    return Top(
        tuple(Likely(int(token), _name(live, int(token)), float(before[token]), float(after[token])) for token in best)
    )


def _name(live: Live, token: int) -> str:
    """The text of a token; of one that stands for no text, what it is called."""
    tokenizer = live.model.tokenizer
    special = next((name for name in ("pad", "bos", "eos") if getattr(tokenizer, name) == token), "")
    return f"<{special}>" if special else live.pieces.text([token])


def score(live: Live, ids: list[int]) -> Score:
    """How likely these tokens would be if they came next, one after the other."""
    if not ids:
        raise UsageError("there is nothing to score in an empty text")
    return score_after(live, live.outputs(), live.here.state, ids, live.tail())


def score_after(live: Live, outputs: NDArray[Any], state: State, ids: list[int], tail: bytes = b"") -> Score:
    """The same after any moment: its outputs [V] and state, and the beginning of an incomplete character."""
    here, scored = live.here, []
    for number, token in enumerate(ids):
        logs = log_probs(outputs)
        best = np.argsort(-logs, kind="stable")[:SHOWN_LIKELIEST]
        likeliest = tuple((_name(live, int(other)), float(logs[other])) for other in best)
        text, tail = live.pieces.read(token, tail)
        scored.append(Scored(text, float(logs[token]), rank(outputs, token), likeliest))
        if number + 1 < len(ids):
            rows, state = live.reader.step(np.array([token], np.int64), state)
            outputs = rows[0]
    assert live.here is here
    total = math.fsum(token.log_prob for token in scored)
    nats = -total / len(ids)
    characters = max(1, len(live.pieces.text(ids)))
    perplexity = math.exp(nats) if nats < 700 else math.inf
    return Score(tuple(scored), total, nats, -total / math.log(2) / characters, perplexity)


def describe(live: Live, branch: str) -> Mapping[str, Any]:
    """The state's size and norms by layer, where it stands, and the snapshots in use, in words."""
    shown: dict[str, Any] = {"position": live.position, "branch": branch}
    size = 0
    for name, leaf in named_leaves(live.here.state):
        size += leaf.nbytes
        shown[name] = f"{' x '.join(map(str, leaf.shape[1:]))} {leaf.dtype}, {_norms(leaf[0])}"
    store = live.store
    shown["size"] = f"{size:,} bytes"
    shown["snapshots"] = (
        f"{store.kept:,} kept, {store.whole:,} whole, {store.bytes / 1e6:.1f} of {store.budget / 1e6:g} MB"
    )
    shown["going back"] = (
        f"at most {STRIDE} steps are read again where snapshots were thinned out" if store.is_thinned else "at once"
    )
    return shown


def _norms(leaf: Any) -> str:
    """leaf: [L, H], one norm for each layer, or anything else, one norm; of whole numbers, such as the last tokens, they themselves."""
    if leaf.dtype.kind != "f":
        numbers = leaf.ravel()
        return ", ".join(map(str, numbers[:SHOWN_NUMBERS].tolist())) + (", ..." if numbers.size > SHOWN_NUMBERS else "")
    if leaf.ndim == 2:
        return "norm by layer " + ", ".join(f"{np.linalg.norm(layer.astype(np.float64)):.4g}" for layer in leaf)
    return f"norm {np.linalg.norm(leaf.astype(np.float64).ravel()):.4g}"
