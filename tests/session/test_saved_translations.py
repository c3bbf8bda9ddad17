"""Saved sessions with translations, and their memory."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seqshell import CheckpointError
from seqshell.models import file
from seqshell.session import Session


@pytest.mark.parametrize("budget", [0, 256])
@pytest.mark.parametrize("strategy", ["sample", "firsts"])
def test_a_restored_session_has_its_translations(
    tmp_path, strategy, budget, new_translator, translated, translation_strategies, translation_model
):
    session = new_translator(strategy=strategy, snapshot_mb=budget)
    session.replaces_unknown = True
    for text in ("i see Schmidt", "the dog", "i love the cat ."):
        translated(session.translate(text, 40))
    list(session.regenerate(2, 9))
    session.save(tmp_path / "one.safetensors")
    restored = Session.restore(
        tmp_path / "one.safetensors", translation_model, strategies=translation_strategies, snapshot_mb=budget
    )
    restored.save(tmp_path / "two.safetensors")
    assert (tmp_path / "two.safetensors").read_bytes() == (tmp_path / "one.safetensors").read_bytes()

    assert restored.text() == session.text()
    assert restored.branches() == session.branches()
    for each in (session, restored):
        each.seen = []
        for _ in range(3):
            each.seen += [
                each.text(),
                each.attention(),
                each.attention().weights.tobytes(),
                each.here.outputs.tobytes(),
            ]
            each.undo()
        each.redo(2)
        each.seen += [each.attention().weights.tobytes(), each.text()]
        each.rewind(0)
        each.seen.append(each.here.state.encoded.tobytes())
        each.replaces_unknown = True
        each.seen += list(each.regenerate(2, 7))
    assert restored.seen == session.seen


def test_a_session_at_a_source_is_restored_there(
    tmp_path, new_translator, translated, translation_strategies, translation_model
):
    session = new_translator()
    translated(session.translate("the dog", 5))
    session.rewind(0)
    session.save(tmp_path / "one.safetensors")
    restored = Session.restore(tmp_path / "one.safetensors", translation_model, strategies=translation_strategies)

    assert restored.here.outputs.tobytes() == session.here.outputs.tobytes()
    assert restored.redo().position == session.redo().position


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sources", lambda data: [[0, *each[1:]] for each in data] + [[1, "x", [2], []]]),
        ("sources", lambda data: [[each[0], each[1], [99], []] for each in data]),
        ("sources", lambda data: [[each[0], each[1], [], []] for each in data]),
        ("words", lambda data: [[0, "word"]]),
        ("words", lambda data: [[3, 4]]),
    ],
)
def test_a_damaged_source_is_refused(
    tmp_path, name, change, new_translator, translated, translation_strategies, translation_model
):
    session = new_translator()
    translated(session.translate("the dog", 5))
    session.save(tmp_path / "one.safetensors")
    header, tensors = file.read(tmp_path / "one.safetensors")
    tensors[name] = np.frombuffer(json.dumps(change(json.loads(tensors[name].tobytes()))).encode(), np.uint8)
    file.write(tmp_path / "one.safetensors", header, tensors)

    with pytest.raises(CheckpointError, match=r"one.safetensors is damaged"):
        Session.restore(tmp_path / "one.safetensors", translation_model, strategies=translation_strategies)


def test_sources_of_different_lengths_are_restored_with_their_states(
    tmp_path, new_translator, translated, translation_strategies, translation_model
):
    session = new_translator()
    for number, text in enumerate(("the dog", "i see the cat .", "you")):
        translated(session.translate(text, 5))
        session.branch_off(f"b{number}")
    session.save(tmp_path / "one.safetensors")
    restored = Session.restore(tmp_path / "one.safetensors", translation_model, strategies=translation_strategies)

    for name in ("main", "b0", "b1", "b2"):
        session.checkout(name)
        restored.checkout(name)
        assert [leaf.tobytes() for leaf in restored.here.state] == [leaf.tobytes() for leaf in session.here.state]


def test_many_translations_stay_within_the_budget(new_translator, translated, firsts):
    """Neither the snapshots of a search nor encoded sources exceed it."""
    session = new_translator(snapshot_mb=0.02)
    session.strategy = firsts()
    for _ in range(300):
        translated(session.translate("the dog i love .", 5))

    assert session.behaviour.cursor.store.bytes < 25_000
    before = session.ids()
    session.undo(250)
    assert session.ids() == before
    session.redo(250)
