"""What there is to choose from, as the terminal draws it: bars, marks and guides, in windows of all widths."""

from __future__ import annotations

import math

import pytest

from seqshell.core.events import Alternatives, BeamNode, Beams, Choice, NextWords, TokenTree, TreeNode, Word

LOGS = [math.log(part) for part in (0.5, 0.25, 0.125)]


def beam(text: str, *children: BeamNode, score: float | None = None, answer: bool = False) -> BeamNode:
    best = max([found for found in (score, *(child.best for child in children)) if found is not None], default=None)
    return BeamNode((1,), text, -1.5, children, score, best, answer)


FOUND = {
    "alternatives": Alternatives(
        3,
        "abc",
        (Choice(1, 5, "d", LOGS[0], 0.0), Choice(2, 6, "\n", LOGS[1], -math.inf, True), Choice(3, 7, "e", LOGS[2], 0)),
    ),
    "words": NextWords(
        3, "abc", (Word("king", 0.5, 0.5), Word("de", 0.25, 0.375, continues=True)), 0.75, 0.25, 0.125, 9
    ),
    "beams": Beams(
        "beam width=2",
        (beam("a", beam("b", score=-0.5, answer=True), beam("c"), answer=True), beam("d", score=-0.75)),
    ),
    "tree": TokenTree(
        3,
        "abc",
        2,
        0.8,
        (TreeNode(1, "d", LOGS[0], (TreeNode(2, "e", LOGS[1]), TreeNode(3, " ", LOGS[2]))), TreeNode(4, "f", LOGS[1])),
        0.25,
    ),
}


def test_alternatives_have_numbers_bars_and_a_star_at_the_one_that_was_taken(drawn):
    assert drawn(FOUND["alternatives"], width=50).splitlines() == [
        "position 3, after 'abc'",
        "     token  model               with sampler",
        "  1  d       50.0%  █████       100.0%  ██████████",
        "* 2  \\n      25.0%  ██▌              -",
        "  3  e       12.5%  █▎          100.0%  ██████████",
    ]


def test_words_have_their_bounds_and_what_they_leave(drawn):
    assert drawn(FOUND["words"], width=70).splitlines() == [
        "   word          at most",
        "1  king   50.0%   50.0%  ████████████████████",
        "2  …de    25.0%   37.5%  ██████████",
        "… continues 'abc' · 75.00% of the probability covered · no other word",
        "above 12.50%",
    ]


def test_a_tree_has_guides(drawn):
    assert drawn(FOUND["tree"], width=60).splitlines() == [
        "position 3, after 'abc' · 2 deep · top_p 0.8",
        "tokens            path",
        "d        50.0%   50.0%  █████████████████",
        "├ e      25.0%   12.5%  ████▎",
        "└ ' '    12.5%   6.25%  ██▏",
        "f        25.0%   25.0%  ████████▌",
    ]


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_line_is_wider_than_the_window(drawn, name, width):
    assert max(map(len, drawn(FOUND[name], width=width).splitlines())) <= width


def test_a_search_has_its_answer_marked_and_its_dead_ends_with_a_minus_sign(drawn):
    assert drawn(FOUND["beams"], width=50).splitlines() == [
        "beam width=2 · 2 finished · 1 dead end",
        "  tokens   logprob     score",
        "* a        -1.5000",
        "* ├ b      -1.5000   -0.5000",
        "- └ c      -1.5000",
        "  d        -1.5000   -0.7500",
    ]


def test_a_deep_search_fits_the_window(drawn):
    deep = beam("end", score=-1.0)
    for number in range(200):
        deep = beam(f"t{number}", deep, beam("dead"))
    for width in (40, 60, 100):
        lines = drawn(Beams("beam", (deep,)), width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert sum("t199" in line or "end" in line for line in lines[2:-2]) >= 1
        assert " ".join(lines[-2:]).endswith("200 short dead ends are not shown; /beams -o FILE writes all")
