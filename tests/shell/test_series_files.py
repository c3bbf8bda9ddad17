"""Tables in a session with a forecaster: read as in training, sorted, of one series or several, with gaps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.shell.firms import LONG, model_of_firms
from tests.shell.sending import send

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import Forecast, Notice, Text
from seqshell.testing import shell_for, tiny_forecast_model


@pytest.fixture
def shell(folder):
    return shell_for(tiny_forecast_model())


@pytest.fixture
def firms(folder):
    Path("long.csv").write_text(LONG + "\n")
    return shell_for(model_of_firms())


def forecast(shell, line) -> Forecast:
    (found,) = [event for event in send(shell, line) if isinstance(event, Forecast)]
    return found


def notes(shell, line) -> list[str]:
    return [event.text for event in send(shell, line) if isinstance(event, Notice)]


@pytest.mark.parametrize("line", ["@a.csv", "/forecast @a.csv", "/feed @a.csv"])
def test_a_newest_first_table_is_sorted_with_a_message(shell, line):
    Path("a.csv").write_text("date,value\n15/01/2000,12\n14/01/2000,11\n13/01/2000,10\n")

    assert "rows were newest first; they are sorted by time" in notes(shell, line)
    found = forecast(shell, "/forecast 1")
    assert found.history[:, 0].tolist() == [10, 11, 12]
    assert found.times == ("2000-01-13", "2000-01-14", "2000-01-15", "2000-01-16")


def test_a_table_in_the_form_of_training_is_read_by_its_columns_of_times(folder):
    model = tiny_forecast_model()
    shell = shell_for(replace(model, series=replace(model.series, time_column="year,quarter")))
    Path("a.csv").write_text("year,quarter,value\n1999,3,9\n1999,4,10\n2000,1,11\n")
    found = forecast(shell, "/forecast 2 @a.csv")

    assert found.next_times == ("2000-Q2", "2000-Q3")
    assert found.time_column == "time"


def test_cells_are_numbers_as_in_training(shell):
    Path("a.csv").write_text('day,value\n2000-01-01,"$1,009.50"\n2000-01-02,"$1,010.00"\n2000-01-03,"$1,011.25"\n')
    shell = shell_for(tiny_forecast_model(mean=1000.0))
    send(shell, "/feed @a.csv")
    assert forecast(shell, "/forecast 1").history[:, 0].tolist() == [1009.5, 1010, 1011.25]

    Path("b.csv").write_text("day;value\n2000-01-01;9,5\n2000-01-02;10,25\n")
    send(shell, "/reseed @b.csv")
    assert forecast(shell, "/forecast 1").history[:, 0].tolist() == [9.5, 10.25]


@pytest.mark.parametrize(
    "text",
    [
        "# exported by X\n# units: C\nday,value\n2000-01-01,9\n2000-01-02,10\n",
        "# day,value\n2000-01-01,9\n2000-01-02,10\n",
        "sep=;\nday;value\n2000-01-01;9\n2000-01-02;10\n",
        ",day,value\n0,2000-01-01,9\n1,2000-01-02,10\n",
        "day,value,\n2000-01-01,9,\n2000-01-02,10,\n",
        "day,value\n2000-01-01,9\n2000-01-02,10\nTotal,19\n",
        '{"day": "2000-01-01", "value": 9}\n{"day": "2000-01-02", "value": 10}\n',
        "day value\n2000-01-01 9\n2000-01-02 10\n",
    ],
)
def test_tables_of_any_dialect_are_read_as_in_training(shell, text):
    Path("a.csv").write_text(text)
    send(shell, "/feed @a.csv")
    found = forecast(shell, "/forecast 1")
    assert (found.history[:, 0].tolist(), found.next_times) == ([9, 10], ("2000-01-03",))


def test_a_table_without_names_is_read_by_a_model_of_such_a_table(folder):
    model = tiny_forecast_model(("column2",))
    shell = shell_for(replace(model, series=replace(model.series, time_column="column1")))
    Path("a.csv").write_text("2000-01-02,10\n2000-01-01,9\n")
    found = forecast(shell, "/forecast 1 @a.csv")
    assert (found.history[:, 0].tolist(), found.next_times) == ([9, 10], ("2000-01-03",))
    assert forecast(shell, "11").history[:, 0].tolist() == [9, 10, 11]


def test_a_fault_in_a_table_is_found_in_its_text(shell):
    Path("a.csv").write_text(",day,value\n0,2000-01-01,9\n1,2000-01-02,1.2.3\n")
    with pytest.raises(VocabularyError, match=r"'1\.2\.3' is not a number \(line 3, column value\)") as raised:
        send(shell, "/feed @a.csv")
    assert "".join(raised.value.text[place] for place in raised.value.positions) == "1.2.3"


def test_short_gaps_are_filled_with_a_message_and_long_ones_refused(shell):
    Path("a.csv").write_text("value,x\n9,0\n,0\nNA,0\n12,0\n")
    assert "2 values are missing, in 1 run of 2; filled on a straight line" in notes(shell, "/feed @a.csv")
    assert send(shell, "/text")[0] == Text("9 10 11 12", send(shell, "/text")[0].spans)
    Path("b.csv").write_text("value,x\n9,0\n,0\n,0\n,0\n,0\n12,0\n")
    with pytest.raises(VocabularyError, match=r"of more than 3 rows, and this one has 4"):
        send(shell, "/feed @b.csv")
    assert shell.session.position == 4


def test_the_rule_for_gaps_is_that_of_the_training(folder):
    model = tiny_forecast_model()
    shell = shell_for(replace(model, series=replace(model.series, fill="previous")))
    Path("b.csv").write_text("value,x\n9,0\n,0\n,0\n,0\n,0\n12,0\n")
    send(shell, "/feed @b.csv")
    assert forecast(shell, "/forecast 1").history[:, 0].tolist() == [9, 9, 9, 9, 9, 12]


def test_rows_with_one_time_are_refused(shell):
    Path("a.csv").write_text("date,value\n2000-01-01,1\n2000-01-01,2\n")
    with pytest.raises(
        UsageError, match=r"a\.csv: lines 2 and 3 have the same time, '2000-01-01'; keep the rows of one"
    ):
        send(shell, "/forecast @a.csv")


def test_dates_that_nothing_tells_apart_leave_the_order_of_the_file(shell):
    Path("a.csv").write_text("date,value\n01/02/2000,9\n02/02/2000,10\n")
    said = notes(shell, "/feed @a.csv")
    assert said[0].startswith("no times are read: line 2: '01/02/2000' may begin with the day or with the month")
    assert forecast(shell, "/forecast 1").times == ()


# Several series


def test_the_last_of_several_series_is_read_unless_one_is_named(firms):
    said = notes(firms, "/forecast 1 @long.csv")
    assert said == ["reading Bo, the last of 2 series (Ada, Bo); /forecast --series NAME @FILE reads another"]
    found = forecast(firms, "/forecast 1")
    assert (found.series, found.history[:, 0].tolist()) == ("Bo", [1000, 1000, 1000])
    assert found.next_times == ("2000-04",)

    send(firms, "/reset")
    assert forecast(firms, "/forecast --series Ada @long.csv").series == "Ada"
    with pytest.raises(UsageError, match=r"long\.csv: the table has no series 'Cy'; it has Ada, Bo"):
        send(firms, "/forecast --series Cy @long.csv")
    with pytest.raises(UsageError, match="--series needs @FILE"):
        send(firms, "/forecast --series Ada")


def test_each_series_is_normalised_by_its_own_scale(firms):
    """Both series are at their means, so their forecasts are the same in standard deviations."""
    ada = forecast(firms, "/forecast 2 --series Ada @long.csv")
    send(firms, "/reset")
    bo = forecast(firms, "/forecast 2 --series Bo @long.csv")

    assert np.allclose((ada.values - 100) / 20, (bo.values - 1000) / 200)
    assert np.allclose((ada.high - 100) / 20, (bo.high - 1000) / 200)


def test_typed_values_continue_the_series_that_was_read_last(firms):
    assert forecast(firms, "100 110").series == "Ada"  # before any table, the first
    send(firms, "/reset")
    send(firms, "/feed @long.csv")
    assert forecast(firms, "1100").series == "Bo"
    send(firms, "/forecast --series Ada @long.csv")
    assert forecast(firms, "110").series == "Ada"
    send(firms, "/undo 2")
    assert forecast(firms, "/forecast 1").series == "Bo"


def test_another_series_is_normalised_by_its_own_rows(firms):
    Path("new.csv").write_text(
        "firm,month,value\n" + "".join(f"Cy,2000-{month:02},{5 + month % 2}\n" for month in range(1, 9))
    )
    found = forecast(firms, "/forecast 1 @new.csv")

    assert found.series == ""
    assert abs(found.values[0, 0] - 5.5) < 10


def test_a_saved_session_keeps_the_scale_of_its_series(firms):
    before = forecast(firms, "/forecast 2 --series Bo @long.csv")
    send(firms, "/save kept")
    send(firms, "/reset")
    send(firms, "/restore kept")
    after = forecast(firms, "/forecast 2")

    assert (after.series, after.values.tolist()) == ("Bo", before.values.tolist())


def test_a_written_forecast_names_series_time_and_column(firms):
    send(firms, "/forecast 2 --series Bo @long.csv -o f.csv")
    rows = [line.split(",") for line in Path("f.csv").read_text().splitlines()]

    assert rows[0] == ["series", "month", "column", "q10", "q50", "q90"]
    assert [row[:3] for row in rows[1:]] == [["Bo", "2000-04", "value"], ["Bo", "2000-05", "value"]]


def test_a_written_forecast_has_a_row_for_each_column(folder):
    shell = shell_for(tiny_forecast_model(("load", "oil"), quantiles=()))
    send(shell, "9 10\n11 12")
    found = forecast(shell, "/forecast 2")
    send(shell, "/forecast 2 -o f.tsv")
    rows = [line.split("\t") for line in Path("f.tsv").read_text().splitlines()]

    assert rows[0] == ["step", "column", "value"]
    assert [row[:2] for row in rows[1:]] == [["1", "load"], ["1", "oil"], ["2", "load"], ["2", "oil"]]
    assert [float(row[2]) for row in rows[1:]] == pytest.approx(found.values.ravel().tolist(), abs=1e-5)
