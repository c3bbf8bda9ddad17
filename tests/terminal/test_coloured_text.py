"""Texts and answers coloured by a unit: the colours, the digits without them, and the scale."""

import math

import numpy as np
import pytest

from seqshell.core.colours import ink
from seqshell.core.events import ColouredText
from seqshell.terminal.printer import TRUE_COLOUR
from seqshell.terminal.renderer import Renderer
from seqshell.testing import shell_for, tiny_model

EVENT = ColouredText(("ab", "\n", "c"), (-1.0, 0.5, None), -1.0, 0.5, "tiny", "0[3]")


def test_with_colours_each_token_has_the_colour_of_its_value_and_the_scale_follows(new_printer, visible):
    printer = new_printer(colours=TRUE_COLOUR, width=100)
    Renderer(printer).draw(EVENT)
    red, green, blue = ink(-1.0)
    assert printer.stream.getvalue().startswith(f"\x1b[38;2;{red};{green};{blue}mab\x1b[0m\nc\n")
    assert visible(printer) == "ab\nc\ntiny\n0[3] from -1 to 0.5: -1 -0.75 -0.5 -0.25 0 0.25 0.5 0.75 1\n"


@pytest.mark.parametrize("colours", [16, 0, -1])
def test_without_shades_digits_below_the_text_take_their_place(new_printer, visible, colours):
    printer = new_printer(colours=colours)
    Renderer(printer).draw(EVENT)
    assert visible(printer) == "ab\n0 7\nc\ntiny · 0[3] from -1 to 0.5 · digits 0 to 9: -1 to 1\n"


@pytest.mark.parametrize("width", [60, 20])
def test_the_scale_of_a_one_sided_unit_begins_at_its_minimum_and_fits_a_narrow_window(new_printer, visible, width):
    event = ColouredText(("a",), (0.25,), 0.25, 0.75, "", "memory[0,12]")
    plain, coloured = new_printer(width=width), new_printer(colours=256, width=width)
    Renderer(plain).draw(event)
    Renderer(coloured).draw(event)
    assert " ".join(visible(plain).split()) == "a 0 memory[0,12] from 0.25 to 0.75 · digits 0 to 9: 0.25 to 0.75"
    assert max(map(len, visible(plain).splitlines())) <= width
    assert "0.25 0.375 0.5 0.625 0.75" in visible(coloured)


@pytest.mark.parametrize("colours", [256, 0])
def test_a_unit_that_is_the_same_everywhere_has_no_scale(new_printer, visible, colours):
    printer = new_printer(colours=colours)
    Renderer(printer).draw(ColouredText(("a", "b"), (5.0, 5.0), 5.0, 5.0, "", "cell[1,2]"))
    assert visible(printer).splitlines()[-1] == "cell[1,2] is 5 everywhere"


def test_answers_are_coloured_by_the_unit_while_they_stream_on_one_scale(new_runner, visible):
    shell = shell_for(tiny_model("\n abcdefgh"), seed=7)
    runner = new_runner(shell)
    for line in ("/set max_tokens 8", "/set color neuron 0[3]"):
        runner.run(line)
    drawn = visible(runner._printer)
    runner.run("abc")
    shown = visible(runner._printer).removeprefix(drawn)

    session = shell.session
    assert session.text().text == "abc\ndebeede"  # the user's Enter has made the newline
    values = [float(session.ancestor(back).state[0, 3]) for back in reversed(range(9))]  # with that before the answer
    before = [abs(float(session.ancestor(back).state[0, 3])) for back in range(8, 12)]
    layer = np.abs(session.ancestor(7).state[0])  # after the first token, the newline
    size = max(*before, float(np.quantile(layer, 0.95)))
    digits = [str(min(9, math.floor(5 * (max(-1, min(1, value / size)) + 1)))) for value in values[2:]]
    assert shown.splitlines()[:2] == ["debeede", "".join(digits)]
    assert f"colours of 0[3] from {-size:.4g} to {size:.4g} · digits 0 to 9: {-size:.4g} to {size:.4g}" in shown

    runner.run("/set color off")
    before = visible(runner._printer)
    runner.run("/continue 3")
    assert not any(line.strip().isdigit() for line in visible(runner._printer).removeprefix(before).splitlines())


def test_a_saved_session_keeps_its_colours(folder):
    shell = shell_for(tiny_model())
    for line in ("/feed abc", "/set color neuron 0[3]", "/save here"):
        list(shell.handle(line))
    other = shell_for(tiny_model())
    other.workspace.add(tiny_model(seed=1, hidden_size=2))  # it has no such unit
    list(other.handle("/restore here"))
    assert other.settings.get("color") == "neuron 0[3]"
