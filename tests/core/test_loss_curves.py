"""Loss curves as text, as rows and as pages."""

import math

import pytest

from seqshell.core.events import LossCurve, LossCurves
from seqshell.core.line_plot import LINE, MARK, plot
from seqshell.core.pictures.page import Curves
from seqshell.core.pictures.svg import document

FALLING = LossCurve("a", ((1, 4.0), (2, 2.0), (3, 1.0)), ((2, 2.5), (3, 1.5)))


def text(rows):
    return ["".join(part for part, _ in row).rstrip() for row in rows]


def test_a_line_goes_through_the_points_from_edge_to_edge():
    assert text(plot([(0, 1.0), (9, 0.0)], [], 5, 3, plain=True)) == ["**", "  **", "   **"]
    assert text(plot([(0, 1.0), (9, 0.0)], [], 4, 1)) == ["⠉⠑⠢⢄"]


def test_several_points_at_one_place_are_their_mean():
    many = [(x / 100, 1 - x / 100 + (-1) ** x) for x in range(101)]

    assert text(plot(many, [], 4, 4, plain=True))[0] == ""
    assert plot([(0, 1), (0, 3), (1, 2)], [], 3, 3, plain=True)[1] == [("***", LINE)]


def test_marks_stand_above_the_line():
    rows = plot([(0, 0.0), (4, 4.0)], [(4, 4.0), (0, 4.0)], 3, 3, plain=True)

    assert text(rows) == ["o o", " *", "*"] or text(rows)[0] == "o*o"
    assert rows[0][0] == ("o", MARK)
    assert plot([], [(1, 1.0)], 3, 1) == [[("●", MARK), ("  ", "")]]


@pytest.mark.parametrize("points", [[], [(1, math.nan)], [(math.inf, 1.0)]])
def test_without_finite_points_the_rows_are_empty(points):
    assert plot(points, [], 5, 2) == [[], []]


def test_the_chart_names_its_ends_the_last_losses_and_the_best():
    rows = text(FALLING.chart(80))

    assert rows[0].startswith("        4 │")
    assert rows[6].startswith("        1 │")
    assert rows[7] == " " * 10 + "└" + "─" * 69
    assert rows[8].split() == ["1", "nats", "over", "updates", "3"]
    assert rows[9].strip() == "⠒⠒ training 1.0000 · ● validation 1.5000, best 1.5000 at 3"
    assert len(rows) == 10


@pytest.mark.parametrize("width", [19, 40, 60, 100])
def test_the_chart_is_as_wide_as_the_window_at_most(width):
    long = LossCurve("a", tuple((step, 1 / step) for step in range(1, 1000)), unit="forecast error")

    assert max(map(len, text(long.chart(width)))) <= width
    assert len(long.chart(width)) == 10


def test_a_narrow_chart_and_one_of_ascii():
    narrow, plain = text(FALLING.chart(40)), text(FALLING.chart(80, plain=True))

    assert narrow[-2:] == ["           ⠒⠒ training 1.0000", "           ● validation 1.5000, best 1.5"]
    assert all(row.isascii() for row in plain[:-1])
    assert plain[-1].strip().startswith("* training 1.0000")


def test_a_validation_that_is_not_finite_is_never_the_best():
    curve = LossCurve("a", ((1, 1.0),), ((1, math.nan), (2, 3.0), (3, math.inf)))

    assert "best 3.0000 at 2" in text(curve.chart(90))[-1]
    assert text(LossCurve("a", ((1, math.nan),)).chart(60)) == ["no losses yet"]
    assert LossCurve("a", ()).updates == 0


def test_rows_have_both_losses_of_an_update():
    assert LossCurves((FALLING,)).as_rows() == [
        ("run", "update", "training", "validation"),
        ("a", 1, 4.0, None),
        ("a", 2, 2.0, 2.5),
        ("a", 3, 1.0, 1.5),
    ]
    assert LossCurves((FALLING,)).as_json()["loss_curves"][0]["validation"] == ((2, 2.5), (3, 1.5))


def test_several_curves_have_their_names_and_colours():
    other = LossCurve("b", ((1, 3.0), (9, math.nan)))
    both = LossCurves((FALLING, other))
    (block,) = both.as_page().blocks
    picture = document(both.as_page())

    assert both.as_text().split("\n\n")[1].startswith("b\n")
    assert isinstance(block, Curves)
    assert [(curve.label, curve.category) for curve in block.curves] == [
        ("a, training", 0),
        ("a, validation", 0),
        ("b, training", 1),
    ]
    assert block.curves[2].values == (3.0,)
    assert picture.count("<circle") == 3  # two validations, and the legend
    assert 'class="track category-a"' in picture
    assert both.as_page().title == "a, b"


def test_one_curve_has_a_colour_for_the_training_and_one_for_the_validation():
    (block,) = LossCurves((FALLING,)).as_page().blocks

    assert [(curve.label, curve.category, curve.places) for curve in block.curves] == [
        ("training", 0, (1, 2, 3)),
        ("validation", 1, (2, 3)),
    ]


def test_the_names_of_many_curves_continue_on_the_next_line():
    many = LossCurves(tuple(LossCurve(f"a long name {number}", ((1, 1.0), (2, 2.0))) for number in range(6)))
    width = float(document(many.as_page()).partition('width="')[2].partition('"')[0])

    assert width < 800
