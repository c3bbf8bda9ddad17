"""/beams: the tree has the answers of a search with their scores, each path its log-probability; nothing moves."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.text_output import counted
from seqshell.decoding.beam import Beam
from seqshell.decoding.diverse import DiverseBeam
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy
from seqshell.inspect.searches import search_tree
from seqshell.session import Session
from seqshell.session.answer_options import NO_OPTIONS, AnswerOptions
from seqshell.testing import tiny_model, tiny_translation_model


@pytest.fixture(params=[Beam(4), DiverseBeam(4, groups=2), Beam(3, early_stop=False)], ids=repr)
def session(request):
    session = Session(tiny_translation_model())
    session.strategy = request.param
    return session


def paths(nodes, ids=()):
    """The ids of each node from the root, with the node."""
    for node in nodes:
        found = (*ids, *node.ids)
        yield found, node
        yield from paths(node.children, found)


def test_the_tree_has_the_answers_of_the_search_and_nothing_moves(session):
    (*_, translation) = session.translate("i love the cat", 8, nbest=3)
    before = session.text(), session.position, session.branches()
    beams = search_tree(session, AnswerOptions.of(8, ()))
    assert (session.text(), session.position, session.branches()) == before
    ends = dict(sorted((node.score, ids) for ids, node in paths(beams.beams) if node.score is not None))
    best = sorted(ends, reverse=True)[0]
    assert best == pytest.approx(translation.candidates[0].score)
    assert ends[best] == tuple(session.ids())
    assert {round(candidate.score, 9) for candidate in translation.candidates} <= {round(score, 9) for score in ends}
    marked = [ids for ids, node in paths(beams.beams) if node.is_answer]
    assert marked[-1] == tuple(session.ids())
    assert all(tuple(session.ids())[: len(ids)] == ids for ids in marked)


def test_each_path_has_its_log_probability(session):
    list(session.translate("i love the dog", 6))
    cursor = session.behaviour.cursor
    source = cursor.timeline.source(session.here.node)
    for ids, node in paths(search_tree(session, AnswerOptions.of(6, ())).beams):
        outputs, state = cursor.decoder.begin(source.ids)
        total = 0.0
        for token in ids:
            total += float(log_probs(outputs[0])[token])
            outputs, state = cursor.decoder.step(np.array([token]), state)
        assert node.log_prob == pytest.approx(total, abs=1e-4)


def test_a_dead_end_has_no_answer_below_it(session):
    list(session.translate("i love the dog", 6))
    beams = search_tree(session, AnswerOptions.of(6, ()))
    for _, node in paths(beams.beams):
        scores = [below.score for _, below in paths((node,)) if below.score is not None]
        assert node.best == (max(scores) if scores else None)
    dead = sum(1 for _, node in paths(beams.beams) if node.best is None and not node.children)
    assert f" {counted(dead, 'dead end')}" in beams.title()
    assert beams.as_text().count("\n") == len(beams.as_rows())


def test_a_language_model_shows_the_search_of_its_last_answer():
    session = Session(tiny_model())
    session.strategy = Beam(3)
    session.feed("abc")
    list(session.generate(5))
    beams = search_tree(session, AnswerOptions.of(5, ()))
    assert max(len(ids) for ids, _ in paths(beams.beams)) == 5
    assert [ids for ids, node in paths(beams.beams) if node.is_answer][-1] == tuple(session.ids()[3:])


def test_without_a_search_there_is_no_tree():
    session = Session(tiny_model())
    with pytest.raises(UsageError, match="no answer"):
        search_tree(session, NO_OPTIONS)
    list(session.generate(2, strategy=Greedy()))
    with pytest.raises(UsageError, match="greedy keeps no hypotheses beside its answer; /strategy beam does"):
        search_tree(session, NO_OPTIONS)
