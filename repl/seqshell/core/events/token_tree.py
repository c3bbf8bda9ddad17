"""The tree of the tokens that may come next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import Fixed, columns

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page, Twig


@dataclass(frozen=True)
class TreeNode:
    """A token with its log-probability after those above it, and what may follow it, likeliest first.

    rest: the probability of the tokens that are left out among those that follow it; 1 if none was looked at.
    """

    id: int
    text: str
    log_prob: float
    children: tuple[TreeNode, ...] = ()
    rest: float = 1.0
    piece: bytes = b""

    def as_json(self, before: float = 0.0) -> Mapping[str, Any]:
        """The token and its children. before: the log-probability of those above it."""
        path = before + self.log_prob
        probs = {"logprob": self.log_prob, "path_logprob": path}
        token = {"id": self.id, "text": self.text, "bytes": list(self.piece)}
        return {**token, **probs, "rest": self.rest, "children": [child.as_json(path) for child in self.children]}

    def joined(self) -> TreeNode:
        """The node with those after it, as long as each is the only one, as one node."""
        text, log_prob, end = self.text, self.log_prob, self
        while len(end.children) == 1:
            (end,) = end.children
            text, log_prob = text + end.text, log_prob + end.log_prob
        return replace(end, text=text, log_prob=log_prob)

    def as_twig(self, before: float = 0.0) -> Twig:
        """The joined node in a picture. before: the log-probability of those above it."""
        from seqshell.core.pictures.page import Twig

        node = self.joined()
        path = before + node.log_prob
        twigs = tuple(child.as_twig(path) for child in node.children)
        return Twig(repr(node.text), math.exp(node.log_prob), f"path {math.exp(path):.2%}", twigs)


@dataclass(frozen=True)
class TreeLine:
    """A line of a drawing: tokens of which each is the only one that follows, their probability and that of the path.

    last: for each level down to this one, whether no other line of that level follows.
    """

    text: str
    prob: float
    path_prob: float
    last: tuple[bool, ...]


@dataclass(frozen=True)
class TokenTree(Event):
    """The likeliest tokens after `position` tokens, and those after each of them, `depth` deep.

    before: the end of the text up to there. top_p: the share of the probability that the tokens of each place cover.
    rest: of those that are left out at the first place. is_cut: the tree became too large, so that its unlikely parts
    are shallow.
    """

    position: int
    before: str
    depth: int
    top_p: float
    nodes: tuple[TreeNode, ...]
    rest: float
    is_cut: bool = False

    def as_json(self) -> Mapping[str, Any]:
        """The tree as nested objects."""
        place = {"pos": self.position, "depth": self.depth, "top_p": self.top_p, "rest": self.rest, "cut": self.is_cut}
        return {**place, "tree": [node.as_json() for node in self.nodes]}

    def as_rows(self) -> Rows:
        """One row for each token, those that follow it after it."""
        return [("depth", "path", "id", "text", "logprob", "path_logprob"), *_rows(self.nodes)]

    def as_text(self) -> str:
        """One line for each token, or for several of which each is the only one, indented below what is before it."""
        lines = [("  " * (len(line.last) - 1) + repr(line.text), line.prob, line.path_prob) for line in self.lines()]
        rows = [(text, Fixed(prob), Fixed(path)) for text, prob, path in lines]
        return "\n".join([self.title(), *columns([("tokens", "probability", "path"), *rows])])

    def as_page(self) -> Page:
        """The tree."""
        from seqshell.core.pictures.page import Page, Tree

        return Page((Tree(tuple(node.as_twig() for node in self.nodes), self.title()),))

    def title(self) -> str:
        """Where it is, and what it shows."""
        cut = " · cut to the most likely parts" if self.is_cut else ""
        place = f"position {self.position:,}" + (f", after {self.before!r}" if self.before else "")
        return f"{place} · {self.depth} deep · top_p {self.top_p:g}{cut}"

    def lines(self) -> Iterator[TreeLine]:
        """The lines of a drawing, from top to bottom."""
        return _lines(self.nodes, 0.0, ())


def _rows(
    nodes: tuple[TreeNode, ...], depth: int = 1, path: str = "", before: float = 0.0
) -> Iterator[tuple[Any, ...]]:
    for node in nodes:
        text, log_prob = path + node.text, before + node.log_prob
        yield depth, text, node.id, node.text, node.log_prob, log_prob
        yield from _rows(node.children, depth + 1, text, log_prob)


def _lines(nodes: tuple[TreeNode, ...], before: float, last: tuple[bool, ...]) -> Iterator[TreeLine]:
    for number, node in enumerate(map(TreeNode.joined, nodes), 1):
        ends = (*last, number == len(nodes))
        path = before + node.log_prob
        yield TreeLine(node.text, math.exp(node.log_prob), math.exp(path), ends)
        yield from _lines(node.children, path, ends)
