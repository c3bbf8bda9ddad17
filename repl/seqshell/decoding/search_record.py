"""A record of a beam search of one row: its hypotheses with their sums, and where answers ended."""

from __future__ import annotations

from collections.abc import Iterable

from seqshell.core.search_tree import SearchNode
from seqshell.decoding.hypotheses import PathNode


class SearchRecord:
    """Listens to a search. The tokens of the tree are in the order of the log-probabilities of their paths."""

    def __init__(self) -> None:
        self._grown: list[tuple[PathNode, float]] = []
        self._ended: list[tuple[PathNode, float]] = []

    def grow(self, nodes: Iterable[PathNode | None], sums: Iterable[float]) -> None:
        """Note the hypotheses of a step."""
        self._grown += [(node, total) for node, total in zip(nodes, sums, strict=True) if node is not None]

    def end(self, node: PathNode, score: float) -> None:
        """Note an answer that ends after a node."""
        self._ended.append((node, score))

    def tree(self) -> tuple[SearchNode, ...]:
        """What was read first, with all that follows."""
        children: dict[int, list[SearchNode]] = {}
        scores: dict[int, list[float]] = {}
        for node, score in self._ended:
            scores.setdefault(id(node), []).append(score)
        for node, total in reversed(self._grown):  # later ones first, so that a node's children are complete
            found = SearchNode(node.token, total, _ordered(children.get(id(node), [])), tuple(scores.get(id(node), [])))
            children.setdefault(id(node.parent), []).append(found)
        grown = {id(node) for node, _ in self._grown}
        return _ordered([each for parent, found in children.items() if parent not in grown for each in found])


def _ordered(nodes: Iterable[SearchNode]) -> tuple[SearchNode, ...]:
    return tuple(sorted(nodes, key=lambda node: -node.log_prob))
