"""Messages of numbers, /forecast beside another model and as the current one, and the setting `horizon`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shell.forecasts import CSV, FORECASTER, forecast
from tests.shell.sending import fails, only, send

from seqshell.core.errors import CheckpointError, UsageError, VocabularyError
from seqshell.core.events import Data, Forecast, Notice, Text
from seqshell.testing import shell_for, tiny_forecast_model, tiny_model


@pytest.fixture
def shell(folder):
    """A forecaster of four steps is current."""
    return shell_for(tiny_forecast_model())


@pytest.fixture
def beside(folder):
    """A language model is current, a forecaster is open in the background."""
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_forecast_model(), name=FORECASTER), background=True)
    return shell


# Messages


def test_a_message_of_numbers_is_observed_and_answered_with_a_forecast(shell):
    answer = forecast(shell, "9.8, 9.9 10.2")
    assert answer.values.shape == (4, 1)
    assert shell.session.position == 3
    assert forecast(shell, "11").history[:, 0].tolist() == [9.8, 9.9, 10.2, 11]
    send(shell, "/undo 2")
    assert shell.session.position == 0


def test_several_lines_are_one_message(shell):
    send(shell, '"""\n9.8\n9.9 10.2\n"""')
    assert only(shell, "/text", Text).text == "9.8 9.9 10.2"


def test_a_message_may_be_a_file(shell):
    Path("values.txt").write_text("9.8 9.9\n10.2\n")
    Path("table.csv").write_text(CSV)
    first = forecast(shell, "@values.txt")
    send(shell, "/undo")
    again = forecast(shell, "@table.csv")

    assert first.values.tolist() == again.values.tolist()
    assert shell.session.text().text == "9.8 9.9 10.2"


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("how warm will it be", VocabularyError, "'how' is not a number (value 1)"),
        ("9.8 nan 9.9", VocabularyError, "'nan' is a missing value (value 2); a series cannot have gaps"),
        ("  ", UsageError, "a blank line has no values; use /forecast to forecast without new ones"),
        ("@none.csv", UsageError, "cannot read none.csv: No such file or directory"),
        ("@empty.csv", UsageError, "empty.csv is empty: it has no values"),
        (
            "@gap.csv",
            VocabularyError,
            "gap.csv: a value is missing (line 2, column value); a series cannot have gaps of more than 3 rows",
        ),
        (
            "@other.csv",
            UsageError,
            "other.csv: the table has no column 'value', which the model reads; it has date, load, OT",
        ),
    ],
)
def test_an_invalid_series_gives_a_one_line_error_and_changes_nothing(shell, line, kind, message):
    Path("empty.csv").write_text("\n")
    Path("gap.csv").write_text("value;load\n;1\nNA;1\n;1\n-;1\n5;1\n")
    Path("other.csv").write_text(CSV.replace("value", "OT"))
    error = fails(shell, line, kind)

    assert error.message.startswith(message)
    assert "\n" not in error.message
    assert (
        kind is UsageError
        or error.hint == "write values separated by spaces or commas, oldest first, such as 10 10.5 11.5 11 10 9.5"
    )
    assert shell.session.position == 0


def test_feed_observes_without_forecasting(shell):
    assert send(shell, "/feed 9.8 9.9") == []
    assert shell.session.position == 2
    send(shell, "/reseed 7")
    assert shell.session.text().text == "7"


@pytest.mark.parametrize("line", ["/regen", "/top", "/score 1", "/continue", "/translate -m tiny 1"])
def test_commands_for_other_tasks_are_rejected(shell, line):
    error = fails(shell, line, (UsageError, CheckpointError))
    assert re.search(r"is for the task|not translate", error.message)


# /forecast


def test_forecast_takes_the_number_of_steps_and_changes_nothing(shell):
    send(shell, "9.8 9.9 10.2")
    assert forecast(shell, "/forecast 2").values.shape == (2, 1)
    assert forecast(shell, "/forecast").values.shape == (4, 1)
    assert shell.session.position == 3
    assert fails(shell, "/forecast 5").message == "tiny forecasts 1 to 4 steps, not 5"
    assert "the number of steps must be a whole number" in fails(shell, "/forecast soon").message
    assert "unexpected '3'" in fails(shell, "/forecast 2 3").message


def test_forecast_without_values_says_what_to_type(shell):
    error = fails(shell, "/forecast")
    assert (error.code, error.message.partition(";")[0]) == ("empty_series", "tiny has observed nothing yet")
    assert "/forecast --example" in error.hint


def test_the_example_of_the_checkpoint_is_observed_on_request(shell):
    assert forecast(shell, "/forecast 1 --example").history[:, 0].tolist() == [10, 10.5, 11.5, 11, 10, 9.5, 9, 9.5]
    send(shell, "/undo")
    assert shell.session.position == 0
    model = shell.session.model
    bare = shell_for(replace(model, series=replace(model.series, example=())))
    assert fails(bare, "/forecast --example").message == "tiny has no example; write numbers instead"


def test_a_command_that_fails_after_it_read_the_example_has_read_nothing(shell):
    assert "missing.csv" in fails(shell, "/forecast --example @missing.csv").message
    assert shell.session.position == 0


def test_the_other_model_forecasts_from_the_background(beside):
    send(beside, "abc")
    position = beside.session.position
    answer = forecast(beside, "/forecast 2 --example")

    assert beside.workspace.current == "tiny"
    assert beside.session.position == position
    assert beside.workspace.sessions[FORECASTER].position == 8
    assert beside.workspace.answered == FORECASTER
    assert forecast(beside, "/forecast 2").values.tolist() == answer.values.tolist()
    assert (
        fails(beside, "/forecast -m tiny").message
        == "the task of tiny is generate, not forecast; /models lists the tasks"
    )
    beside.interactive = True
    assert Notice(f"{FORECASTER}:", "label") in send(beside, "/forecast 2")


def test_without_the_shipped_model_another_one_can_be_named(shell):
    lone = shell_for(tiny_model())
    assert fails(lone, "/forecast -m nobody", CheckpointError).hint != "/forecast -m MODEL takes another"
    lone.workspace.add(replace(tiny_forecast_model(), name="mine"), background=True)
    assert forecast(lone, "/forecast 1 --example -m mine").values.shape == (1, 1)


def test_a_short_series_is_noted_once(shell):
    model = replace(tiny_forecast_model(), header={"config": {"window": 4}})
    asked, messages, whole = shell_for(model), shell_for(model), shell_for(model)
    send(whole, "9.8 9.9 10.2 11")

    (remark,) = [event for event in send(messages, "9.8 9.9") if isinstance(event, Notice)]
    assert remark.text.startswith("tiny uses the last 4 values and has only 2; ")
    assert [type(event) for event in send(messages, "10.2")] == [Forecast]
    send(asked, "/feed 9.8")
    assert [type(event) for event in send(asked, "/forecast 1 -o f.txt")] == [Data, Notice]
    assert [type(event) for event in send(whole, "/forecast 1")] == [Forecast]


def test_a_file_is_appended_before_the_forecast(shell):
    Path("table.csv").write_text(CSV)
    send(shell, "9")
    assert forecast(shell, "/forecast 2 @table.csv").history[:, 0].tolist() == [9, 9.8, 9.9, 10.2]
    send(shell, "/undo")
    assert shell.session.position == 1
    shell.read_stdin = lambda: "5 6"
    assert forecast(shell, "/forecast @-").history[:, 0].tolist() == [9, 5, 6]


@pytest.mark.parametrize("line", ["@table.csv", "/forecast @table.csv"])
def test_a_forecast_continues_the_times_of_a_table(shell, line):
    Path("table.csv").write_text(CSV)
    answer = forecast(shell, line)
    assert (answer.time_column, answer.times[:4]) == ("date", tuple(f"2016-07-01 0{hour}:00" for hour in range(4)))
    assert answer.as_json()["times"] == [f"2016-07-01 0{hour}:00" for hour in (3, 4, 5, 6)]

    assert forecast(shell, "11").next_times[0] == "2016-07-01 04:00"
    send(shell, "/rewind 9.9")
    assert forecast(shell, "/forecast 1").times == ("2016-07-01 00:00", "2016-07-01 01:00", "2016-07-01 02:00")
    send(shell, "/reset")
    assert forecast(shell, "5 6").times == ()
    assert "times" not in forecast(shell, "/forecast 1").as_json()


def test_times_belong_to_the_last_table_of_the_branch(shell):
    Path("table.csv").write_text(CSV)
    Path("later.csv").write_text(CSV.replace("2016-", "2020-"))
    send(shell, "@table.csv")
    assert forecast(shell, "@later.csv").next_times[0] == "2020-07-01 03:00"
    send(shell, "/undo")
    assert forecast(shell, "/forecast").next_times[0] == "2016-07-01 03:00"
    send(shell, "/undo")
    send(shell, "9.8 9.9 10.2")
    assert forecast(shell, "/forecast").times == ()


def test_a_saved_session_keeps_the_times_of_its_table(shell):
    Path("table.csv").write_text(CSV)
    send(shell, "9")
    send(shell, "@table.csv")
    send(shell, "/save kept")
    send(shell, "/reset")
    send(shell, "/restore kept")
    assert forecast(shell, "/forecast 1").times == tuple(
        f"2016-{day}:00" for day in ("06-30 23", "07-01 00", "07-01 01", "07-01 02", "07-01 03")
    )


def test_a_table_without_regular_times_has_steps(shell):
    Path("table.csv").write_text(CSV.replace("02:00", "05:00"))
    assert forecast(shell, "@table.csv").times == ()


def test_the_example_has_the_times_of_the_checkpoint(folder):
    model = tiny_forecast_model()
    dated = replace(model.series, time_column="month", example_times=("1960-05", "1960-06"))
    answer = forecast(shell_for(replace(model, series=dated)), "/forecast 2 --example")
    assert answer.times[:1] + answer.times[-3:] == ("1960-05", "1960-12", "1961-01", "1961-02")


def test_times_are_in_the_files_of_a_forecast(shell):
    Path("table.csv").write_text(CSV)
    send(shell, "/forecast 2 @table.csv -o f.csv")
    rows = [line.split(",") for line in Path("f.csv").read_text().splitlines()]
    assert [row[:2] for row in rows] == [
        ["date", "column"],
        ["2016-07-01 03:00", "value"],
        ["2016-07-01 04:00", "value"],
    ]
    assert rows[0][2:] == ["q10", "q50", "q90"]
    assert float(rows[1][2]) <= float(rows[1][3]) <= float(rows[1][4])
    send(shell, "/forecast 2 -o f.svg")
    labels = re.findall(">(.*)</text>", Path("f.svg").read_text())
    assert {"date", "value", "2016-07-01 02:00", "2016-07-01 04:00"} <= set(labels)


def test_undo_does_not_affect_the_background_model(beside):
    send(beside, "abc")
    send(beside, "/forecast --example")
    assert f"the last answer came from {FORECASTER}" in only(beside, "/undo", Notice).text


# The setting


def test_horizon_is_that_of_the_model_until_it_is_set(shell):
    assert shell.settings.entry("horizon").value == 4
    assert shell.settings.entry("horizon").origin == "checkpoint"
    send(shell, "/set horizon 2")
    assert forecast(shell, "9.8 9.9").values.shape == (2, 1)
    send(shell, "/set horizon 9")
    error = fails(shell, "9.8")
    assert (error.message, error.hint) == ("tiny forecasts 1 to 4 steps, not 9", "/forecast 4, or /set horizon 4")
    assert shell.session.position == 2
    assert "unknown" not in shell.settings.names()


def test_a_checkpoint_may_set_the_horizon_and_a_stepped_model_has_the_default(shell):
    wished = shell_for(replace(tiny_forecast_model(), header={"defaults": {"horizon": 3}}))
    assert forecast(wished, "9.8").values.shape == (3, 1)
    assert forecast(shell_for(tiny_forecast_model(horizon=1)), "9.8").values.shape == (24, 1)


def test_settings_of_the_current_model_do_not_apply_to_a_background_model(beside):
    send(beside, "/set horizon 9")
    assert forecast(beside, "/forecast --example").values.shape == (4, 1)
