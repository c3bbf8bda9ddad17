"""The values of forecast sessions are undone, rewound and saved like tokens."""

from __future__ import annotations

import numpy as np
import pytest
from tests.session.series_sessions import STRATEGIES, VALUES, new_session

from seqshell.core.errors import CheckpointError, UsageError, VocabularyError
from seqshell.session import Session
from seqshell.testing import tiny_forecast_model


def test_undo_and_redo_give_the_same_forecasts():
    session = new_session()
    session.observe(VALUES)
    first = session.forecast()
    session.observe("30")
    other = session.forecast()
    session.undo()
    assert session.forecast().values.tolist() == first.values.tolist()
    session.redo()
    assert session.forecast().values.tolist() == other.values.tolist()


def test_each_branch_has_its_own_observations():
    session = new_session()
    session.observe(VALUES)
    session.branch_off("cold")
    session.observe("5")
    cold = session.forecast()
    session.checkout("main")
    session.observe("15")
    warm = session.forecast()
    session.checkout("cold")

    assert session.forecast().values.tolist() == cold.values.tolist()
    assert (warm.values > cold.values).all()
    assert [(branch.name, branch.text) for branch in session.branches()] == [("main", "9.8 9.9 10.2 15"), ("cold", "5")]
    assert session.text("main").text == "9.8 9.9 10.2 15"
    assert session.text().spans == ((0, 14),)


def test_rewind_finds_values_not_parts_of_their_texts():
    session = new_session()
    session.observe("9.5 10 19.5 10 109.5 7")

    assert session.rewind_to("10").position == 4
    assert session.rewind_to("9.5 10.0").position == 2
    assert session.rewind_to("9.5").position == 1
    with pytest.raises(UsageError, match=r"'19.5' is not in this branch's series"):
        session.rewind_to("19.5")
    with pytest.raises(VocabularyError, match="'warm' is not a number"):
        session.rewind_to("warm")


def test_a_position_between_two_snapshots_is_computed_again():
    session = new_session()
    values = np.sin(np.arange(100)).tolist()
    session.observe(values)
    session.rewind(41)
    again = session.forecast()
    straight = new_session()
    straight.observe(values[:41])
    np.testing.assert_allclose(again.values, straight.forecast().values, rtol=1e-5)


def test_a_saved_forecast_session_is_restored(tmp_path):
    session = new_session(columns=("load", "OT"))
    session.observe("1 2 3 4 5 6 1 2")
    session.branch_off("other")
    session.observe("7 8")
    session.undo()
    session.save(tmp_path / "kept.safetensors")
    back = Session.restore(tmp_path / "kept.safetensors", session.model, strategies=STRATEGIES)

    assert back.forecast().values.tolist() == session.forecast().values.tolist()
    assert back.text().text == "1 2\n3 4\n5 6\n1 2"
    assert back.model.tokenizer is not session.model.tokenizer
    back.redo()
    assert back.text().text == "1 2\n3 4\n5 6\n1 2\n7 8"
    back.observe("9 9")
    assert session.model.tokenizer.size == 4


@pytest.mark.parametrize(
    "table", [np.zeros((4, 3)), np.zeros((2, 1)), np.full((3, 1), np.nan), np.array([[9.8], [9.9]])]
)
def test_a_saved_series_with_a_damaged_table_is_refused(tmp_path, table):
    from seqshell.models import file

    session = new_session()
    session.observe(VALUES)
    path = tmp_path / "kept.safetensors"
    session.save(path)
    header, tensors = file.read(path)
    file.write(path, header, {**tensors, "values": table})
    with pytest.raises(CheckpointError, match="damaged"):
        Session.restore(path, session.model, strategies=STRATEGIES)


def test_two_sessions_on_one_model_have_separate_tables():
    model = tiny_forecast_model()
    first, second = new_session(model), new_session(model)
    first.observe("1 2")
    second.observe("3 4")

    assert (first.text().text, second.text().text) == ("1 2", "3 4")
    assert model.tokenizer.size == 0


def test_reseed_begins_another_series():
    session = new_session()
    session.observe(VALUES)
    session.reseed("20 21")
    fresh = new_session()
    fresh.observe("20 21")
    assert session.forecast().values.tolist() == fresh.forecast().values.tolist()
    session.undo()
    assert session.text().text == "9.8 9.9 10.2"
