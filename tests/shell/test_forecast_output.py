"""Forecasts in files, as text and as JSON, and in saved sessions."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from tests.shell.forecasts import forecast
from tests.shell.sending import fails, only, send

from seqshell.cli.json_lines import JsonLines
from seqshell.cli.plain_text import PlainText
from seqshell.core.events import Data, ResultText, Table, Tables, Text
from seqshell.core.json_values import tidy
from seqshell.models.summary import title
from seqshell.testing import shell_for, tiny_forecast_model


@pytest.fixture
def shell(folder):
    """A forecaster of four steps is current."""
    return shell_for(tiny_forecast_model())


# Files


def test_a_forecast_is_written_as_numbers_rows_or_a_picture(shell):
    answer = forecast(shell, "/forecast 2 --example")
    for name in ("f.json", "f.txt", "f.png", "f.svg"):
        data = only(shell, f"/forecast 2 -o {name}", Data)
    kept = json.loads(Path("f.json").read_text())

    assert (data.op, data.values["values"]) == ("forecast", answer.values[:, 0].tolist())
    assert kept["values"] == tidy(answer.values[:, 0])
    assert kept["history"] == tidy(answer.history[:, 0])
    assert kept["low"] == tidy(answer.low[:, 0])
    assert [float(line) for line in Path("f.txt").read_text().splitlines()] == pytest.approx(
        answer.values[:, 0].tolist(), rel=1e-5
    )
    assert Path("f.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in Path("f.svg").read_text()
    assert "unknown ending of f.doc; use .html" in fails(shell, "/forecast 2 -o f.doc").message


def test_a_written_forecast_can_be_read_as_a_series(shell):
    send(shell, "/forecast 3 --example -o f.txt")
    send(shell, "/reset")
    assert forecast(shell, "@f.txt").history.shape == (3, 1)


def test_a_missing_interval_is_null_in_a_file(shell):
    stepped = shell_for(tiny_forecast_model(horizon=1))
    send(stepped, "/forecast 3 --example -o f.json")
    assert json.loads(Path("f.json").read_text())["low"][1:] == [None, None]


# Text and JSON


def written(shell, line, **options):
    """What a script prints for a line: text, stderr, and the JSON objects."""
    out, err, raw = io.StringIO(), io.StringIO(), io.StringIO()
    outputs = PlainText(out, err, **options), JsonLines(raw, io.StringIO())
    for output in outputs:
        output.begin(1, line, None, None)
    for event in shell.run(line):
        for output in outputs:
            output.event(event)
    return out.getvalue(), err.getvalue(), [json.loads(object_) for object_ in raw.getvalue().splitlines()]


def test_text_and_json_of_a_forecast(shell):
    text, err, (found,) = written(shell, "9.8 9.9 10.2")

    assert (text, err) == ("10.2214 10.2165 10.1727 10.1296\n", "")
    assert found == {
        "type": "result",
        "line": 1,
        "op": "forecast",
        "values": [10.221428, 10.21646, 10.172739, 10.129595],
        "low": [9.221428, 8.802247, 8.440689, 8.129595],
        "high": [11.221428, 11.630674, 11.90479, 12.129595],
        "columns": ["value"],
        "pos": 3,
        "branch": "main",
    }
    assert written(shell, "/forecast 1")[2][0]["op"] == "forecast"


def test_rows_of_several_columns_are_lines_except_with_one_line_per_message(shell):
    shell = shell_for(tiny_forecast_model(("load", "OT"), horizon=2, quantiles=()))
    text, _, (found,) = written(shell, "9 10 11 12")
    flat = written(shell, "/forecast", one_to_one=True)[0]

    assert [len(line.split()) for line in text.splitlines()] == [2, 2]
    assert flat == text.replace("\n", " ").rstrip() + "\n"
    assert [[f"{value:.6g}" for value in row] for row in found["values"]] == [
        line.split() for line in text.splitlines()
    ]
    assert found["low"] is found["high"] is None


def test_expect_searches_the_numbers(shell):
    send(shell, "9.8 9.9 10.2")
    send(shell, "/expect 10.2214")


def test_the_text_of_a_series_can_be_typed_again(shell):
    send(shell, "9.80 9.9,1e1")
    assert only(shell, "/text", Text) == Text("9.8 9.9 10", ((0, 10),))


def test_a_session_is_saved_and_restored_with_its_values(shell):
    shown = ResultText()
    for line in ("9.8 9.9", "/branch warm", "12", "/save kept"):
        send(shell, line)
    before = forecast(shell, "/forecast")
    for line in ("/reset", "1 2 3", "/restore kept"):
        for event in shell.handle(line):
            shown.add(event)
    assert forecast(shell, "/forecast").values.tolist() == before.values.tolist()
    assert only(shell, "/text", Text).text == "9.8 9.9 12"
    send(shell, "/checkout main")
    assert only(shell, "/text", Text).text == "9.8 9.9"


def test_info_and_state_describe_the_series(shell):
    send(shell, "9.8 9.9")
    info = only(shell, "/info", Tables).as_text()
    assert re.search(r"series +value \(mean 10, deviation 2\); 4 steps at once, quantiles 0.1,\s+0.5, 0.9", info)
    assert dict(only(shell, "/state", Table).rows)["position"] == 2


def test_the_title_of_a_forecaster_has_its_error():
    header = {
        "architecture": "forecaster",
        "config": {"cell": "gru"},
        "provenance": {"metrics": {"mse": {"24": 0.0271, "96": 0.05555}}},
    }
    assert title("oil", header) == "oil: GRU forecaster, MSE 0.056 at 96"
