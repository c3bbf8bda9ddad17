"""Inspect the current snapshot without changing it: its text, the most likely tokens, the score of a text, its size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Likely, Score, Scored, Text, Top
from seqshell.core.sampling import AnswerEnded, Draw, Sampler
from seqshell.core.state import State, as_array, named_leaves
from seqshell.core.text_output import short
from seqshell.decoding.chain import Chain
from seqshell.decoding.probabilities import entropy_of, log_probs, rank
from seqshell.session.cursor import Cursor
from seqshell.session.snapshot import Snapshot
from seqshell.session.timeline import Read
from seqshell.session.token_text import decoded

NUM_ALTERNATIVES = 5  # alternatives shown beside each token of a score
NUM_INTEGERS = 8  # shown of a state of integers
MAX_NORMS = 8  # of a leaf in /state; more rows are positions, not layers
MAX_TAIL_TOKENS = 256  # tokens read back for the last two lines
FIRST_WORDS = 40  # characters
SEPARATORS = (" ", "\n")  # what the text of a word begins with, or of a row with several values


def text_of(cursor: Cursor, node: int, drops_separator: bool) -> Text:
    """The text up to a node, with the spans that the user fed, without an incomplete last character.

    drops_separator: leave out the separator before the first word.
    """
    text, tail = "", b""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    start = 0
    for run, first, last in cursor.timeline.runs_to(node):
        text, tail = text_of_run(cursor, first, last, tail)
        end = start + len(text)
        if cursor.timeline.read[run] == Read.FED and text:
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        parts.append(text)
        start = end
    whole = "".join(parts)
    if not drops_separator or not whole.startswith(SEPARATORS):
        return Text(whole, tuple(spans))
    return Text(whole[1:], tuple((max(0, start - 1), end - 1) for start, end in spans))


def text_of_run(cursor: Cursor, first: int, last: int, tail: bytes) -> tuple[str, bytes]:
    """The text of the nodes first to last of one run after the bytes `tail`, and the bytes that now wait for more."""
    return decoded(tail + _bytes(cursor, first, last))


def _bytes(cursor: Cursor, first: int, last: int) -> bytes:
    """The bytes of the nodes first to last of one run."""
    ids = cursor.timeline.ids[first : last + 1]
    if not cursor.timeline.unknown_words:
        return cursor.token_text.joined(ids)
    return b"".join(_piece(cursor, node, token) for node, token in enumerate(ids, first))


def _piece(cursor: Cursor, node: int, token: int) -> bytes:
    word = cursor.timeline.unknown_words.get(node)
    return cursor.token_text.piece(token) if word is None else word.encode("utf-8", "surrogatepass")


def _bytes_to(cursor: Cursor, node: int, start: int) -> bytes:
    """The bytes from depth `start` to the node."""
    return b"".join(_bytes(cursor, first, last) for _, first, last in cursor.timeline.runs_to(node, start))


def texts_to(cursor: Cursor, node: int) -> list[str]:
    """The text of each token up to a node; a character of several tokens belongs to the last of them."""
    ids = cursor.timeline.ids
    return _texts(_piece(cursor, number, ids[number]) for number in cursor.timeline.nodes_to(node))


def texts_of(cursor: Cursor, ids: Iterable[int]) -> list[str]:
    """The text of each of some ids that were not committed."""
    return _texts(map(cursor.token_text.piece, ids))


def _texts(pieces: Iterable[bytes]) -> list[str]:
    texts, tail = [], b""
    for piece in pieces:
        text, tail = decoded(tail + piece)
        texts.append(text)
    return texts


def last_lines(cursor: Cursor, node: int, drops_separator: bool, max_tokens: int = MAX_TAIL_TOKENS) -> str:
    """The last two lines of the text up to a node; takes time proportional to their length.

    max_tokens: about as many are shown of long lines.
    """
    timeline, data = cursor.timeline, b""
    start = depth = timeline.depth(node)
    while start > 0 and depth - start < max_tokens and data.count(b"\n") < 2:
        before = max(0, start - min(64, max_tokens))
        data = _bytes_to(cursor, timeline.ancestor(node, start), before) + data
        start = before
    given = timeline.given(node) if not start else None
    if given is not None:
        data = given.text.encode("utf-8", "surrogatepass") + data
    text = decoded(data)[0]
    if drops_separator and (not start or max_tokens < MAX_TAIL_TOKENS):
        text = text[text.startswith(SEPARATORS) :]
    return "\n".join((text.lstrip("\ufffd") if start else text).split("\n")[-2:])


def first_words(cursor: Cursor, node: int, start: int) -> str:
    """The first words of the text after a depth, on one line; an ellipsis if there are more."""
    depth = cursor.timeline.depth(node)
    begin = min(start, depth)
    data = _bytes_to(cursor, cursor.timeline.ancestor(node, min(depth, begin + FIRST_WORDS + 1)), begin)
    text = " ".join(data.decode("utf-8", "replace").split())
    if len(text) <= FIRST_WORDS and depth <= begin + FIRST_WORDS:
        given = cursor.timeline.given(node)
        return text or (f"state of {given.name}" if given is not None else "")
    return f"{text[: FIRST_WORDS + 1].rpartition(' ')[0] or text[:FIRST_WORDS]}…"


def find_last(cursor: Cursor, text: str) -> int:
    """The position just after the last occurrence of a text. UsageError if there is none."""
    target = text.encode("utf-8", "surrogatepass")
    if not target:
        raise UsageError("name the text to go back to")
    node, position, count = cursor.here.node, cursor.position, 1024
    while True:
        start = max(0, position - count)
        place = _bytes_to(cursor, node, start).rfind(target)
        if place >= 0:
            end = place + len(target)
            for _, first, last in cursor.timeline.runs_to(node, start):
                for number, token in enumerate(cursor.timeline.ids[first : last + 1], first):
                    end -= len(_piece(cursor, number, token))
                    if end <= 0:
                        return cursor.timeline.depth(number)
        if start == 0:
            raise UsageError(f"{text!r:.80} is not in this branch's text", code="not_found")
        count *= 4


def top(cursor: Cursor, samplers: tuple[Sampler, ...], excluded: frozenset[int], draw: Draw, k: int) -> Top:
    """The k most likely next tokens, with their log-probabilities for the model and after the sampler chain."""
    before, after = next_token(cursor, samplers, excluded, draw)
    best = np.argsort(-before, kind="stable")[:k]
    return Top(
        tuple(
            Likely(
                token,
                token_name(cursor, token),
                float(before[token]),
                float(after[token]),
                cursor.token_text.piece(token),
            )
            for token in best.tolist()
        )
    )


def next_token(
    cursor: Cursor,
    samplers: tuple[Sampler, ...],
    excluded: frozenset[int],
    draw: Draw,
    at: Snapshot | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The log-probabilities [V] of the next token, for the model and after the chain: here, or at a whole snapshot."""
    outputs = cursor.outputs(at)
    before = log_probs(outputs)
    chain = Chain(samplers, excluded=excluded)
    try:
        after = log_probs(chain.logits(outputs, cursor.context(draw, at), cursor.memories(samplers, at)))
    except AnswerEnded:  # no token is drawn
        after = np.full_like(before, -np.inf)
    return before, after


def token_name(cursor: Cursor, token: int) -> str:
    """The text of a token, or the name of a special one."""
    tokenizer = cursor.model.tokenizer
    special = next((name for name in ("pad", "bos", "eos") if getattr(tokenizer, name) == token), "")
    return f"<{special}>" if special else cursor.token_text.text([token])


class Scoring:
    """The log-probability of some tokens after a snapshot: its outputs [V] and state, and the beginning of a character.

    `steps` scores them one by one; then `score` sums up. UsageError if there are none, or if an interrupt comes first.
    """

    def __init__(self, cursor: Cursor, outputs: NDArray[Any], state: State, ids: list[int], tail: bytes = b"") -> None:
        if not ids:
            raise UsageError("cannot score an empty text")
        self.ids = ids
        self.tokens: list[Scored] = []
        self._cursor = cursor
        self._start = outputs, state, tail

    @classmethod
    def here(cls, cursor: Cursor, ids: list[int]) -> Scoring:
        """That of tokens if they came next, one after the other."""
        return cls(cursor, cursor.outputs(), cursor.here.state, ids, cursor.tail())

    def steps(self) -> Iterator[None]:
        """Score one token after the other."""
        cursor = self._cursor
        outputs, state, tail = self._start
        for number, token in enumerate(self.ids):
            logs = log_probs(outputs)
            best = np.argsort(-logs, kind="stable")[:NUM_ALTERNATIVES]
            most_likely = tuple((token_name(cursor, int(other)), float(logs[other])) for other in best)
            text, tail = cursor.token_text.read(token, tail)
            of_token = token, cursor.token_text.piece(token), entropy_of(logs)
            self.tokens.append(Scored(text, float(logs[token]), rank(outputs, token), most_likely, *of_token))
            yield
            if cursor.interrupted:
                raise UsageError("interrupted before the text was scored", code="interrupt")
            if number + 1 < len(self.ids):
                rows, state = cursor.decoder.step(np.array([token], np.int64), state)
                outputs = rows[0]

    def score(self) -> Score:
        """The score of the tokens so far."""
        total = math.fsum(token.log_prob for token in self.tokens)
        nats = -total / len(self.tokens)
        characters = max(1, len(self._cursor.token_text.text(self.ids)))
        perplexity = math.exp(nats) if nats < 700 else math.inf
        return Score(tuple(self.tokens), total, nats, -total / math.log(2) / characters, perplexity)

    def whole(self) -> Score:
        """The score of all tokens."""
        for _ in self.steps():
            pass
        return self.score()


def describe(cursor: Cursor, branch: str) -> Mapping[str, Any]:
    """The position, the size of the state and its norms by layer, and the snapshots in use, as text."""
    shown: dict[str, Any] = {"position": cursor.position, "branch": branch}
    size = 0
    for name, leaf in named_leaves(cursor.here.state):
        leaf = as_array(leaf)
        size += leaf.nbytes
        shown[name] = f"{' x '.join(map(str, leaf.shape[1:]))} {leaf.dtype}, {_norms(leaf[0])}"
    if active := cursor.interventions:
        shown["interventions"] = ", ".join(each.name for each in active)
    store = cursor.store
    shown["size"] = f"{size:,} bytes"
    shown["snapshots"] = (
        f"{store.kept:,} kept, {store.whole:,} whole, {store.bytes / 1e6:.1f} of {store.budget / 1e6:g} MB"
    )
    shown["going back"] = (
        f"reads up to {store.stride} tokens again, because old snapshots were removed"
        if store.is_thinned
        else "at once"
    )
    return shown


def _norms(leaf: Any) -> str:
    """One norm per row for a leaf of at most MAX_NORMS rows, else one norm; integers are shown as they are.

    Numbers that are not finite are counted, and left out of the norms.
    """
    if leaf.dtype.kind not in "fc":
        numbers = leaf.ravel()
        return ", ".join(map(str, numbers[:NUM_INTEGERS].tolist())) + (", ..." if numbers.size > NUM_INTEGERS else "")
    sizes = np.abs(leaf.astype(np.complex128 if leaf.dtype.kind == "c" else np.float64))
    infinite = int((~np.isfinite(sizes)).sum())
    sizes[~np.isfinite(sizes)] = 0
    if leaf.ndim == 2 and len(leaf) <= MAX_NORMS:
        text = "norm by layer " + ", ".join(f"{short(float(np.linalg.norm(layer)))}" for layer in sizes)
    else:
        text = f"norm {short(float(np.linalg.norm(sizes.ravel())))}"
    return f"{text}, {infinite:,} of {leaf.size:,} infinite" if infinite else text
