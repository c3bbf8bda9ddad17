"""A tree as rows, one for each part, with the lines that connect them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqshell.core.pictures.page import Tree, Twig

DEEPEST = 200  # levels whose lines are drawn; deeper parts are drawn there


def rows_of_tree(tree: Tree) -> Iterator[tuple[str, Twig]]:
    """Each part of a tree, from the top, after the lines to its left. Takes time in proportion to their number."""
    waiting = [("", "", twig) for twig in reversed(tree.twigs)]
    while waiting:
        before, line, twig = waiting.pop()
        yield before + line, twig
        below = before + {"": "", "├─ ": "│  ", "└─ ": "   "}[line]
        waiting += _below(below[-3 * DEEPEST :], twig.twigs)


def _below(before: str, twigs: Sequence[Twig]) -> list[tuple[str, str, Twig]]:
    """The parts below another, the last one first."""
    return [(before, "├─ " if index else "└─ ", twig) for index, twig in enumerate(reversed(twigs))]
