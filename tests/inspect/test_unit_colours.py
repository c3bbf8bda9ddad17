"""/neuron and the setting `color`: texts and answers are coloured by the values of a unit."""

import numpy as np
import pytest
from tests.inspect.planted import QUOTE, only, place, quoted_text, send

from seqshell.core.errors import SeqshellError
from seqshell.core.events import ColouredText, UnitRanking
from seqshell.core.pictures.page import Passage, Scale
from seqshell.inspect.unit_texts import session_colours
from seqshell.inspect.unit_values import single_unit
from seqshell.session.interventions import Clamp
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_model

# Colours


def test_a_text_is_coloured_by_a_unit_and_the_session_does_not_move(shell, folder):
    before = place(shell)
    found = only(send(shell, f"/neuron quote[1] a {QUOTE}b{QUOTE} c"), ColouredText)
    assert found.tokens == ("a", " ", QUOTE, "b", QUOTE, " ", "c")
    assert found.values == (0, 0, 1, 1, 0, 0, 0)
    assert (found.minimum, found.maximum, found.unit, found.title) == (
        0,
        1,
        "quote[1]",
        "quote[1] of planted · from main@0",
    )
    assert found.as_text().splitlines()[:2] == [f"a {QUOTE}b{QUOTE} c", "0099000"]
    assert place(shell) == before

    of_file = only(send(shell, "/neuron quote[1] @quotes.txt"), ColouredText)
    assert (of_file.text, sum(of_file.values)) == (
        quoted_text(),
        only(send(shell, '/find-neuron ("[^"]*)" @quotes.txt'), UnitRanking).inside,
    )
    send(shell, "/neuron -o q.tsv quote[1] @quotes.txt")
    assert (folder / "q.tsv").read_text(encoding="utf-8").startswith("text\tvalue\n")


def test_the_unit_may_have_spaces_and_an_empty_file_is_no_branch(shell, folder):
    assert only(send(shell, "/neuron quote[ 1 ] ab"), ColouredText).tokens == ("a", "b")
    send(shell, "/feed ab")
    (folder / "empty.txt").touch()
    with pytest.raises(SeqshellError, match="cannot trace an empty text"):
        send(shell, "/neuron quote[1] @empty.txt")


def test_a_text_begins_in_the_state_here_and_the_branch_where_it_began(shell):
    send(shell, f"/feed {QUOTE}ab")
    assert only(send(shell, "/neuron quote[1] cd"), ColouredText).values == (1, 1)
    assert only(send(shell, "/neuron quote[1]"), ColouredText).values == (1, 1, 1)
    send(shell, "/state set quote[1] 0")
    assert only(send(shell, "/neuron quote[1] cd"), ColouredText).values == (0, 0)
    send(shell, "/feed e")
    assert only(send(shell, "/neuron quote[1]"), ColouredText).values == (0,)


def test_a_branch_has_the_values_that_its_tokens_had_with_the_interventions_of_each_place(shell):
    session = shell.session

    def clamp(number, value):
        return Clamp(f"hidden[{number}]", 0, (number,), np.float32(value))

    session.feed("ab")
    for active, text in (
        ((clamp(2, 0.75),), "cd"),
        ((clamp(2, 0.75), clamp(1, 0)), "e"),
        ((), "f"),
        ((clamp(2, -1),), "gh"),
    ):
        session.intervene(active)
        for character in text:
            session.feed(character)
    assert session.text().text == "abcdefgh"
    nodes = session.behaviour.cursor.timeline.nodes_to(session.here.node)[1:]  # single snapshots from the second on
    for number in range(3):
        coloured = only(send(shell, f"/neuron hidden[{number}]"), ColouredText)
        states = [session.behaviour.cursor.snapshot(node).state for node in nodes]
        assert coloured.text == "abcdefgh"
        assert coloured.values[1:] == pytest.approx([state.hidden[0, number] for state in states], abs=1e-6)
    assert coloured.values[2:5] == (0.75,) * 3
    assert coloured.values[6:] == (-1, -1)


def test_units_of_every_kind_and_shape_colour_a_text(odd):
    shell = shell_for(odd.model)
    states = []
    for character in "abcd":
        send(shell, f"/feed {character}")
        states.append(shell.session.state)
    for unit, value in {
        "layers[1,2]": lambda state: state.layers[0, 1, 2],
        "keys[1,-1]": lambda state: state.keys[0, 1, -1],
        "phase[2]": lambda state: abs(state.phase[0, 2]),
        "last[0]": lambda state: state.last[0, 0],
        "started": lambda state: state.started[0],
        "rest.1[1,0,1]": lambda state: state.rest[1][0, 1, 0, 1],
    }.items():
        found = only(send(shell, f"/neuron {unit}"), ColouredText)
        assert found.values == pytest.approx([float(value(state)) for state in states], abs=1e-6), unit


def test_units_of_every_kind_and_shape_are_ranked(odd, folder):
    (folder / "text.txt").write_text("abcdefgh\n" * 60)
    found = only(send(shell_for(odd.model), "/find-neuron [a-c] @text.txt"), UnitRanking)
    names = {each.unit for each in found.units}
    assert len(names) == len(found.units) == 6 + 3 + 3 + 2 + 1 + 1 + 8
    assert {"layers[0,0]", "keys[2,-1]", "phase[0]", "last[1]", "started", "rest.0[0]", "rest.1[1,1,1]"} <= names
    assert {each.unit: each.auc for each in found.units}["started"] == 0.5


def test_models_of_others_are_ranked_and_colour_texts(third_party, folder):
    (folder / "text.txt").write_text("abcdefgh\n" * 60)
    shell = shell_for(third_party.model)
    found = only(send(shell, "/find-neuron [a-c] @text.txt"), UnitRanking)
    assert found.units[0].auc > 0.75
    coloured = only(send(shell, f"/neuron {found.units[0].unit} abcdefgh"), ColouredText)
    inside, outside = np.split(np.array(coloured.values) * found.units[0].sign, [3])
    assert inside.mean() > outside.mean()


def test_an_exported_session_has_the_colours_of_answers_in_every_branch(shell, folder):
    for line in (f"/feed a{QUOTE}b", "/branch other", f"/feed {QUOTE}c", "/checkout main", "/feed de"):
        send(shell, line)
    plain = shell.session.as_page()
    send(shell, "/set color neuron quote[1]")
    send(shell, "/export s.html")
    assert "quote[1]" in (folder / "s.html").read_text(encoding="utf-8")

    colours = session_colours(shell.session, single_unit("quote[1]", shell.session))
    page = shell.session.as_page(colours=colours)
    passages = [block for block in page.blocks if isinstance(block, Passage)]
    assert [[(piece.text, piece.value) for piece in each.pieces if piece.value is not None] for each in passages] == [
        [("a", 0.0), (QUOTE, 1.0), ("b", 1.0), ("d", 1.0), ("e", 1.0)],
        [(QUOTE, 0.0), ("c", 0.0)],
    ]
    assert {each.scale for each in passages} == {Scale(0.0, 1.0, "quote[1]")}
    texts = ["".join(piece.text for piece in block.pieces) for block in plain.blocks if isinstance(block, Passage)]
    assert ["".join(piece.text for piece in each.pieces) for each in passages] == texts


# The setting


def test_the_colour_of_answers_is_a_setting_and_surprisal_a_name_of_one_value(shell):
    settings = shell.settings
    assert (settings.get("color"), settings.get("surprisal")) == ("off", False)
    assert settings.set("surprisal", "on") == (True, False)
    assert settings.get("color") == "surprisal"
    assert settings.set("color", " neuron   quote[1] ") == ("neuron quote[1]", "surprisal")
    assert settings.get("surprisal") is False
    assert settings.reset("surprisal") == (False, False)
    assert settings.get("color") == "off"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("red", "color must be off, surprisal or neuron UNIT, not 'red'"),
        ("neuron", "color must be off, surprisal or neuron UNIT, not 'neuron'"),
        ("off 3", "color must be off, surprisal or neuron UNIT, not 'off 3'"),
        ("neuron cell[0]", "no leaf 'cell'; available: hidden, quote"),
        ("neuron quote[2]", "quote[2] is outside quote, which goes from quote[0] to quote[1]"),
        ("neuron quote", "quote is 2 numbers; name one of them, quote[0] to quote[1]"),
    ],
)
def test_a_colour_that_is_none_or_a_unit_that_the_model_lacks_is_refused(shell, value, message):
    before = place(shell)
    with pytest.raises(SeqshellError) as failed:
        send(shell, f"/set color {value}")
    assert failed.value.message == message
    assert place(shell) == before


def test_a_model_without_the_unit_says_so_when_it_is_opened(shell):
    send(shell, "/set color neuron quote[1]")
    shell.workspace.add(tiny_model())
    assert shell.settings.take_problems() == (
        "color neuron quote[1] has no effect on tiny: no leaf 'quote'; available: 0",
    )
    assert shell.settings.get("color") == "neuron quote[1]"


def test_units_are_completed(shell):
    def offered(before):
        found = complete(shell, before)
        return [before[: found.start] + text for text, _ in found.items]

    assert "/neuron quote" in offered("/neuron qu")
    assert offered("/neuron quote[") == ["/neuron quote[0]", "/neuron quote[1]"]
    assert offered("/set color ne") == ["/set color neuron"]
    assert offered("/set color neuron quote[1") == ["/set color neuron quote[1]"]
    assert offered("/find-neuron --feature l") == ["/find-neuron --feature line-start"]
