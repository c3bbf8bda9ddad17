"""Saved sessions: everything is restored, and damaged files and files of other models are refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from tests.session.saved_sessions import REGISTERED, Counting, saved

from seqshell import CheckpointError
from seqshell.core.events import Finished
from seqshell.core.sampling import Draw
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.models import file
from seqshell.session import Session
from seqshell.session.timeline import Read
from seqshell.testing import tiny_model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "one.safetensors"


@pytest.fixture
def session():
    """A session with turns, branches, candidates, a reset, something to redo, and a chain with memory."""
    session = Session(tiny_model(), **REGISTERED)
    session.chain = (Counting(2.0),)
    session.set_seed(2**64 - 1)
    for line in ("abc", "de\n", "h" * 50):
        session.begin_turn()
        list(session.respond(line, 30))
    session.begin_turn()
    list(session.regenerate(2, 40))
    session.branch_off("other")
    session.begin_turn()
    session.reseed("fgh")
    list(session.generate(5))
    session.undo()
    session.checkout("main.3")
    session.rewind(70)
    return session


def test_a_restored_session_is_at_the_same_snapshot(session, path):
    restored = saved(session, path)

    assert restored.here.node == session.here.node
    assert restored.here.state.tobytes() == session.here.state.tobytes()
    assert restored.here.outputs.tobytes() == session.here.outputs.tobytes()
    assert (restored.position, restored.branch, restored.seed, restored.retry) == (
        70,
        "main.3",
        2**64 - 1,
        session.retry,
    )
    assert (restored.chain, restored.strategy) == (session.chain, session.strategy)
    assert restored.branches() == session.branches()
    assert restored.text() == session.text()


def test_a_restored_session_draws_the_same_tokens(session, path, joined):
    restored = saved(session, path)

    assert joined(restored.generate(60)) == joined(session.generate(60))
    assert restored.here.state.tobytes() == session.here.state.tobytes()


def test_a_restored_session_moves_and_regenerates_alike(session, path):
    restored = saved(session, path)
    for each in (session, restored):
        each.moves = [
            each.redo(),
            each.undo(),
            each.undo(2),
            each.redo(2),
            each.checkout("other"),
            each.redo(),
            each.undo(),
            each.undo(),
        ]
        each.moves += [
            each.rewind(33),
            each.checkout("main.2"),
            each.candidates(),
            each.checkout(each.candidates()[0]),
        ]
        each.begin_turn()
        each.ends = [event for event in each.regenerate(2, 9) if isinstance(event, Finished)]

    assert restored.moves == session.moves
    assert restored.ends == session.ends
    assert [restored.text(each.name) for each in restored.branches()] == [
        session.text(each.name) for each in session.branches()
    ]


def test_a_session_saved_with_few_snapshots_is_restored(session, path, joined):
    session.snapshot_mb = 0
    restored = saved(session, path, snapshot_mb=0)
    for each in (session, restored):
        each.rewind(41)

    assert restored.here.state.tobytes() == session.here.state.tobytes()
    assert joined(restored.generate(20)) == joined(session.generate(20))


def test_saving_again_gives_the_same_file(session, path, tmp_path):
    restored = saved(session, path)
    restored.save(tmp_path / "two.safetensors")

    assert (tmp_path / "two.safetensors").read_bytes() == path.read_bytes()


def test_a_new_session_is_saved_and_restored(path, joined):
    restored = saved(Session(tiny_model(), **REGISTERED), path)

    assert (restored.position, restored.text().text) == (0, "")
    assert joined(restored.generate(9)) == joined(Session(tiny_model()).generate(9))


def test_a_session_with_an_aborted_answer_is_saved(session, path, joined):
    session.behaviour.cursor.timeline.begin_run(session.here.node, 99, Read.DRAWN, Draw())

    assert joined(saved(session, path).generate(9)) == joined(session.generate(9))


def test_a_file_names_the_model_it_needs(session, path):
    session.save(path)
    needed = Session.saved_model(path)

    assert (needed.name, needed.path, needed.fingerprint) == ("tiny", None, session.model.fingerprint)


def test_a_session_of_another_model_is_refused(session, path):
    with pytest.raises(CheckpointError, match="was saved with the model tiny"):
        saved(session, path, tiny_model(seed=1))


def test_a_model_file_is_not_a_saved_session(path):
    header = {"kind": "model", "architecture": "elman", "task": "generate", "config": {}, "tokenizer": {"name": "char"}}
    file.write(path, header, {"weight": np.zeros(3, np.float32)})

    with pytest.raises(CheckpointError, match="is a model, not a saved session"):
        Session.restore(path, tiny_model())


def test_a_session_is_restored_without_a_missing_sampler_and_what_it_remembers(session, path):
    session.save(path)
    with pytest.warns(RuntimeWarning, match="one.safetensors is restored without the sampler 'counting', which no"):
        restored = Session.restore(path, session.model, strategies=REGISTERED["strategies"])
    assert restored.text() == session.text()
    assert restored.chain == ()
    assert restored.here.memories == ()
    assert len(list(restored.generate(5))) == 6


def test_a_session_is_restored_without_a_missing_strategy(session, path):
    session.strategy = Greedy()
    session.save(path)
    problems = []
    restored = Session.restore(
        path, session.model, report=problems.append, samplers=REGISTERED["samplers"], strategies={"sample": Sample}
    )
    assert problems == [
        "one.safetensors is restored without the strategy 'greedy', which no plugin offers; seqshell plugins list"
    ]
    assert restored.strategy == Sample()
    assert restored.chain == (Counting(2.0),)


@pytest.mark.parametrize(
    ("tensor", "change"),
    [
        ("ids", lambda ids: ids + 20),
        ("runs.parent", lambda parents: parents + 100_000),
        ("runs.parent", lambda parents: parents - 100_000),
        ("runs.first", lambda firsts: firsts + 1),
        ("runs.read", lambda reads: reads + 9),
        ("runs.retry", lambda retries: retries[:-1]),
        ("runs.turn", lambda turns: turns - 2**60),
        ("runs.turn", lambda turns: turns + 2**62),
        ("kept", lambda kept: kept - 1000),
        ("kept", lambda kept: kept[:-1]),
        ("whole", lambda whole: whole[:-1]),
        ("state", lambda state: state[:, 1:]),
        ("outputs", lambda outputs: outputs[:, 1:]),
        ("memories", lambda memories: memories[:-1]),
        ("memories", lambda memories: memories[:0]),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(session, path, tensor, change):
    session.save(path)
    header, tensors = file.read(path)
    file.write(path, header, {**tensors, tensor: change(tensors[tensor])})

    with pytest.raises(CheckpointError, match=r"^one\.safetensors is damaged: ") as caught:
        Session.restore(path, session.model, **REGISTERED)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"branch": "nowhere"},
        {"branches": []},
        {
            "branches": [
                {
                    "name": "main",
                    "node": 10**9,
                    "retry": 0,
                    "parent": None,
                    "fork": 0,
                    "point": -1,
                    "turn": 0,
                    "returns": [],
                }
            ]
        },
        {"branches": [{"name": "main", "surprise": 1, "returns": []}]},
        {"here": 10**9},
        {"here": None},
        {"seed": -1},
        {"seed": "0"},
        {"turn": True},
        {"chains": [7]},
        {"strategy": None},
    ],
)
def test_an_inconsistent_header_is_refused(session, path, change):
    session.save(path)
    header, tensors = file.read(path)
    file.write(path, {**header, **change}, tensors)

    with pytest.raises(CheckpointError):
        Session.restore(path, session.model, **REGISTERED)


def test_a_memory_that_is_neither_json_nor_arrays_is_refused(path):
    @dataclass(frozen=True)
    class Odd:
        name = "odd"

        def __call__(self, logits, context):
            return logits

        def update(self, memory, token, log_probs):
            return {1, 2}

    session = Session(tiny_model(), **REGISTERED)
    session.chain = (Odd(),)
    list(session.generate(3))
    with pytest.raises(CheckpointError, match="neither JSON values nor arrays"):
        session.save(path)
    assert not path.exists()


def test_what_is_wrong_with_a_damaged_session_is_said_in_our_words(new_session, tmp_path):
    """Not in those of the exception that its content caused."""
    session = new_session()
    session.feed("abc")
    path = tmp_path / "one.safetensors"
    session.save(path)
    header, tensors = file.read(path)
    for changed, reason in (
        ({key: value for key, value in tensors.items() if key != "kept"}, "its parts do not fit together"),
        (
            tensors | {"state": np.full_like(tensors["state"], np.nan)},
            "state has no numbers of the type float32, or NaN",
        ),
        (tensors | {"outputs": tensors["outputs"] * np.inf}, "the outputs do not fit the model"),
        (tensors | {"sources": np.frombuffer(b"[]", np.uint8)}, "it has sources of translations, and tiny does not"),
    ):
        file.write(path, header, changed)
        with pytest.raises(CheckpointError, match=f"^one.safetensors is damaged: {reason}"):
            Session.restore(path, session.model)
