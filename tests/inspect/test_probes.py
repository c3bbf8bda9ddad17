"""Linear probes on planted labels, beside shuffled ones and a control task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.tables.reading import parse_table
from seqshell.inspect import probe_labels
from seqshell.inspect.probes import Passage, Probing, control, split
from seqshell.inspect.ridge import accuracies
from seqshell.session import Session
from seqshell.testing import tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder

LETTERS = "abcdefgh"
OPENS, CLOSES = tiny_model().tokenizer.encode("ah")


class Planted(NamedTuple):
    """quotes [B, 2, 2]: in layer 1, unit 0 is 1 inside brackets and 0 outside; noise [B, 3]: noise; last [B] int64."""

    quotes: Any
    noise: Any
    last: Any


class PlantedDecoder(TinyDecoder):
    """`a` opens and `h` closes."""

    def initial_state(self, batch_size=1):
        zeros = np.zeros((batch_size, 2, 2), np.float32)
        return Planted(zeros, np.zeros((batch_size, 3), np.float32), np.zeros(batch_size, np.int64))

    def step(self, inputs, state):
        quotes = state.quotes.copy()
        quotes[:, 1, 0] = np.where(inputs == OPENS, 1, np.where(inputs == CLOSES, 0, quotes[:, 1, 0]))
        noise = np.sin(1e4 * (state.noise + np.array([1, 2, 3]) + inputs[:, None])).astype(np.float32)
        return self.embedding[inputs] @ self.readout, Planted(quotes, noise, inputs)


@pytest.fixture
def session():
    model = tiny_model()
    return Session(replace(model, decoder=PlantedDecoder(model.tokenizer.size)))


def random_text(number, seed=0):
    return "".join(np.random.default_rng(seed).choice(list(LETTERS), number))


def probed(session, passages, names):
    probing = Probing(session, passages, names)
    assert len(list(probing.reading())) >= 1
    assert len(list(probing.fitting())) == len(probing.probes().scores)
    return probing.probes()


def inside(text):
    found, state = [], 0
    for letter in text:
        state = {"a": 1, "h": 0}.get(letter, state)
        found.append(state)
    return found


def test_planted_labels_are_read_from_their_layer_alone_and_shuffled_ones_from_none(session):
    text = random_text(1500)
    ids, labels = session.behaviour.encode(text), inside(text)
    found = probed(session, [Passage(ids, labels, list(text))], ["outside", "inside"])
    scores = {each.part: each for each in found.scores}

    assert list(scores) == ["quotes[0]", "quotes[1]", "noise"]
    assert scores["quotes[1]"].accuracy == 1.0
    assert scores["quotes[0]"].accuracy == scores["noise"].accuracy == pytest.approx(found.majority, abs=0.1)
    assert 0.4 < found.majority < 0.7
    assert scores["quotes[1]"].selectivity == 1.0 - scores["quotes[1]"].control > 0.3
    assert (found.num_training, found.num_test) == (900, 300)
    assert found.left_out == (("last", "is whole numbers"),)

    shuffled = np.random.default_rng(0).permutation(labels).tolist()
    found = probed(session, [Passage(ids, shuffled, list(text))], ["outside", "inside"])
    assert max(each.accuracy for each in found.scores) < found.majority + 0.08
    assert probed(session, [Passage(ids, shuffled, list(text))], ["outside", "inside"]) == found


def test_the_control_task_gives_each_type_one_label_of_the_same_frequencies():
    labels = np.array([0] * 900 + [1] * 100)
    types = [str(number % 500) for number in range(1000)]
    found = control(labels, types)

    assert len({(name, label) for name, label in zip(types, found, strict=True)}) == 500
    assert 0.05 < found.mean() < 0.15
    assert control(labels, types).tolist() == found.tolist()


def test_the_classifier_tells_what_is_linear_in_the_features():
    random = np.random.default_rng(0)
    features = random.normal(3, 2, (2000, 4))
    which = split(len(features))
    three = np.digitize(features[:, 0] - features[:, 1], [-1.5, 1.5])
    parity = (features[:, 2] > 3) ^ (features[:, 3] > 3)
    linear, other = accuracies(features, [(three > 0).astype(np.int64), parity.astype(np.int64)], which)

    assert linear > 0.95
    assert other < 0.6
    constant = np.ones((2000, 1))
    assert accuracies(constant, [three], which)[0] == pytest.approx(np.bincount(three[which == 2]).max() / 400)


def test_neighbours_are_used_for_one_purpose():
    which = split(1000)

    assert np.bincount(which).tolist() == [600, 200, 200]
    assert np.count_nonzero(np.diff(which)) <= 16


def test_labels_of_a_table_are_those_of_its_rows(session, tmp_path):
    lines = "".join(
        f"{number // 2}\t{'ab' if number % 2 else 'c'}\t{'x' if number % 2 else ''}\n" for number in range(8)
    )
    table = parse_table("labels.tsv", f"sentence_id\ttoken\tlabel\n{lines}", header="yes")
    passages, names = probe_labels.from_table(session, table)

    assert names == ["x"]
    assert len(passages) == 4
    assert [each.ids for each in passages] == [session.behaviour.encode("cab")] * 4
    assert passages[0].labels == [-1, -1, 0]
    assert passages[0].types == ["c", "ab", "ab"]
    assert passages[0].record.given.name == "zero"

    words = parse_table("labels.csv", "word,label\nab,1\ncd,2\n", header="yes")
    (passage,), names = probe_labels.from_table(session, words)
    assert passage.ids == session.behaviour.encode("ab cd")
    assert (passage.labels, names) == ([-1, 0, -1, -1, 1], ["1", "2"])


def test_tokens_are_inside_or_outside_the_matches_of_a_pattern(session):
    ids = session.behaviour.encode("ab cde\nfg")
    (passage,), names = probe_labels.from_pattern(session, r"c\w+", ids, None)

    assert names == ["outside", "inside"]
    assert passage.labels == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert passage.types == ["a", "ab", " ", "c", "cd", "cde", "\n", "f", "fg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("word\ttag\na\tx\n", "no column 'label'; available: word, tag"),
        ("letters\tlabel\na\tx\n", "labels.tsv has no column token, text or word; it has letters, label"),
        ("token\tlabel\na\tx\nb\ty\n", "2 tokens have a label, and a probe needs 50 or more"),
        ("token\tlabel\n" + "a\tx\n" * 60, "every token has the label x; a probe needs at least two labels"),
        ("token\tlabel\n" + "".join(f"a\t{n}\n" for n in range(101)), "labels.tsv has 101 labels"),
        ("token\tlabel\né\tx\n", "has no 'é'"),
    ],
)
def test_bad_labels_are_refused_in_one_line(session, content, message):
    with pytest.raises(SeqshellError) as refused:
        Probing(session, *probe_labels.from_table(session, parse_table("labels.tsv", content, header="yes")))
    assert message in refused.value.message
    with pytest.raises(UsageError, match="every token of the text is inside a match of"):
        probe_labels.from_pattern(session, ".+", session.behaviour.encode("abc"), None)


def test_every_kind_of_leaf_is_probed_or_named(odd):
    text = random_text(400)
    found = probed(odd, [Passage(odd.behaviour.encode(text), inside(text), list(text))], ["outside", "inside"])

    assert [each.part for each in found.scores] == [
        "layers[0]",
        "layers[1]",
        "phase",
        "rest.0",
        "rest.1[0]",
        "rest.1[1]",
    ]
    assert {each.part: each.size for each in found.scores}["phase"] == 6
    assert dict(found.left_out) == {"keys": "grows", "last": "is whole numbers", "started": "is whole numbers"}


def test_models_of_others_can_be_probed(third_party):
    text = random_text(200)
    labels = [int(letter in "abcd") for letter in text]
    passage = Passage(third_party.behaviour.encode(text), labels, list(text))
    found = probed(third_party, [passage], ["late", "early"])

    assert len(found.scores) >= 2
    assert max(each.accuracy for each in found.scores) > found.majority
