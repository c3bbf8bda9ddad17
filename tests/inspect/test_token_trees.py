"""The tree of tokens has, at each place, the fewest that cover top_p, with the probabilities of the model."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.events import TokenTree, TreeNode
from seqshell.decoding.probabilities import log_probs
from seqshell.inspect.token_trees import TreeSearch


@pytest.fixture(params=["tiny", "odd"])
def session(request):
    return request.getfixturevalue(request.param)


def grown(session, *arguments, **options):
    search = TreeSearch(session, *arguments, **options)
    list(search.steps())
    return search.found()


def expected(session, depth, top_p, ids=()):
    """The nodes after some tokens, from the definition: each place is read again from the start."""
    start = session.position
    session.feed_ids(list(ids))
    logs = log_probs(session.here.outputs[0])
    session.rewind(start)
    nodes, covered = [], 0.0
    for token in np.argsort(-logs, kind="stable").tolist():
        children = expected(session, depth - 1, top_p, (*ids, token)) if depth > 1 else []
        nodes.append((token, logs[token], children))
        covered += math.exp(logs[token])
        if covered >= top_p:
            return nodes
    return nodes


def shape(nodes):
    return [(node.id, node.log_prob, shape(node.children)) for node in nodes]


def close(one, other):
    assert [node[0] for node in one] == [node[0] for node in other]
    for left, right in zip(one, other, strict=True):
        assert left[1] == pytest.approx(right[1], abs=1e-5)
        close(left[2], right[2])


@pytest.mark.parametrize("top_p", [0.0, 0.7])
def test_the_tree_is_that_of_its_definition_and_nothing_moves(session, unmoved, top_p):
    before = unmoved(session)
    tree = grown(session, 3, top_p)
    assert unmoved(session) == before

    assert not tree.is_cut
    close(shape(tree.nodes), expected(session, 3, top_p))
    assert tree.rest == pytest.approx(1 - sum(math.exp(node.log_prob) for node in tree.nodes))


def test_the_whole_tree_has_all_tokens_and_a_large_one_is_cut_to_its_likely_parts(tiny):
    whole = grown(tiny, 1, 1.0)
    assert len(whole.nodes) == tiny.model.tokenizer.size
    assert whole.rest == pytest.approx(0, abs=1e-9)

    cut = grown(tiny, 9, 0.9, max_nodes=40)
    sizes = [len(list(cut.lines())), sum(1 for _ in cut.as_rows()) - 1]
    assert cut.is_cut
    assert 40 <= sizes[1] <= 40 + tiny.model.tokenizer.size
    assert "cut to the most likely parts" in cut.title()


def test_tokens_of_which_each_is_the_only_one_are_one_line():
    leaf = TreeNode(3, "c", math.log(0.5))
    nodes = TreeNode(1, "a", math.log(0.5), (TreeNode(2, "b", 0.0, (leaf, leaf)),)), TreeNode(4, "d", math.log(0.25))
    tree = TokenTree(2, "xy", 3, 0.8, nodes, 0.25)

    assert [(line.text, line.last) for line in tree.lines()] == [
        ("ab", (False,)),
        ("c", (False, False)),
        ("c", (False, True)),
        ("d", (True,)),
    ]
    assert tree.as_text().splitlines() == [
        "position 2, after 'xy' · 3 deep · top_p 0.8",
        "tokens  probability    path",
        "'ab'         0.5000  0.5000",
        "  'c'        0.5000  0.2500",
        "  'c'        0.5000  0.2500",
        "'d'          0.2500  0.2500",
    ]


def test_an_interrupt_ends_the_search(tiny):
    tiny.interrupt()
    with pytest.raises(UsageError, match="interrupted before the tree was complete"):
        list(TreeSearch(tiny, 3, 0.8).steps())
