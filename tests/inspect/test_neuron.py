"""/neuron and /find-neuron: planted units are found, models of others work, and bad input moves nothing."""

import json
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from seqshell.core.errors import SeqshellError
from seqshell.core.events import ColouredText, Notice, UnitRanking
from seqshell.core.model import Model
from seqshell.core.pictures.page import Passage, Scale
from seqshell.core.tokenizers import CharTokenizer
from seqshell.inspect.ranking import Ranking
from seqshell.inspect.unit_texts import AllUnits, session_colours
from seqshell.inspect.unit_values import single_unit
from seqshell.session.interventions import Clamp
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_classification_model, tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder

QUOTE = '"'
VOCABULARY = "\n " + QUOTE + "abcdefgh"


class Planted(NamedTuple):
    """hidden [B, H]: of an Elman network. quote [B, 2]: 1 minus what follows, and 1 inside quotation marks."""

    hidden: Any
    quote: Any


class PlantedDecoder(TinyDecoder):
    """An Elman network with two more units, by planted weights.

    q' = x + q - 2 x q, where x is 1 for a quotation mark.
    """

    def initial_state(self, batch_size=1):
        return Planted(super().initial_state(batch_size), np.tile(np.array([1, 0], np.float32), (batch_size, 1)))

    def step(self, inputs, state):
        outputs, hidden = super().step(inputs, state.hidden)
        is_mark = (inputs == VOCABULARY.index(QUOTE)).astype(np.float32)
        inside = is_mark + state.quote[:, 1] - 2 * is_mark * state.quote[:, 1]
        return outputs, Planted(hidden, np.stack([1 - inside, inside], 1))

    def state_outputs(self, state):
        return super().state_outputs(state.hidden)


def quoted_text(size=1200):
    """Words, with quotations of different lengths."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefgh"), random.integers(1, 6))) for _ in range(size // 3)]
    parts = []
    while words:
        number = int(random.integers(1, 6))
        part, words = " ".join(words[:number]), words[number:]
        parts.append(f"{QUOTE}{part}{QUOTE}" if random.random() < 0.4 else part)
    return "\n".join(parts)[:size]


@pytest.fixture(scope="module")
def planted():
    tokenizer = CharTokenizer("".join(sorted(VOCABULARY)))
    return Model("planted", "generate", "elman", PlantedDecoder(tokenizer.size), tokenizer, "planted")


@pytest.fixture
def shell(planted, folder):
    (folder / "quotes.txt").write_text(quoted_text(), encoding="utf-8")
    return shell_for(planted)


def send(shell, line):
    return list(shell.handle(line))


def only(events, kind):
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def place(shell):
    session = shell.session
    return session.here, session.position, len(session.behaviour.cursor.timeline), shell.settings.get("color")


# Ranking


def test_the_planted_unit_is_found_first_with_an_auc_of_1(shell):
    before = place(shell)
    found = only(send(shell, '/find-neuron ("[^"]*)" @quotes.txt'), UnitRanking)

    text = quoted_text()
    inside = [text[: index + 1].count(QUOTE) % 2 for index in range(len(text))]
    assert (found.tokens, found.inside, found.text) == (1200, sum(inside), "quotes.txt")
    first, second, third = found.units[:3]
    assert {(each.unit, each.auc, each.sign) for each in (first, second)} == {
        ("quote[1]", 1.0, 1),
        ("quote[0]", 1.0, -1),
    }
    assert {first.inside, second.inside} == {0.0, 1.0}
    assert third.auc < 0.8
    assert len(found.units) == 10
    assert max(found.chance) < 0.75 < first.auc
    assert place(shell) == before


def test_a_feature_takes_the_place_of_a_pattern(shell):
    depth = only(send(shell, "/find-neuron --feature depth @quotes.txt"), UnitRanking)
    assert depth.units[0].auc == 1.0
    start = only(send(shell, "/find-neuron --feature line-start @quotes.txt"), UnitRanking)
    assert start.inside == quoted_text().count("\n") + 1 - quoted_text().count("\n\n")
    position = only(send(shell, "/find-neuron --feature position @quotes.txt"), UnitRanking)
    assert position.about.startswith("position in the line of at least ")


def test_without_a_file_the_text_is_that_of_the_branch_and_the_units_are_the_same(shell):
    of_file = only(send(shell, '/find-neuron ("[^"]*)" @quotes.txt'), UnitRanking)
    send(shell, "/feed @quotes.txt")
    of_branch = only(send(shell, '/find-neuron ("[^"]*)"'), UnitRanking)
    assert of_branch.text == "main"
    assert [each.unit for each in of_branch.units] == [each.unit for each in of_file.units]
    assert [each.auc for each in of_branch.units] == pytest.approx([each.auc for each in of_file.units], abs=1e-3)


def test_chance_is_as_good_as_the_units_where_the_labels_are_random(shell):
    labels = np.random.default_rng(1).random(1200) < 0.3
    units = AllUnits(shell.session, shell.session.behaviour.encode(quoted_text()), None)
    list(units.steps())
    ranking = Ranking(units.names, units.values, labels)
    list(ranking.steps())
    assert ranking.best()[0].auc <= max(ranking.chance()) < 0.6


def test_it_is_shown_as_a_table_as_json_and_as_a_file_with_all_units(shell, folder):
    found = only(send(shell, '/find-neuron ("[^"]*)" @quotes.txt'), UnitRanking)
    assert found.as_text().splitlines()[1].split()[:4] == ["unit", "AUC", "inside", "mean"]
    assert ["quote[1]", "1.0000", "higher", "1", "0"] in [line.split() for line in found.as_text().splitlines()]
    assert found.as_text().endswith(
        "the best of 10 units for the same labels moved along the text in a circle, 20 times"
    )
    written = json.loads(json.dumps(found.as_json()))
    assert (written["units"][0]["auc"], len(written["chances"]), written["chance"]) == (1.0, 20, max(found.chance))
    send(shell, '/find-neuron -o units.tsv ("[^"]*)" @quotes.txt')
    lines = (folder / "units.tsv").read_text().splitlines()
    assert (len(lines), lines[0]) == (11, "unit\tauc\tsign\tinside\toutside")


def test_a_prompt_says_how_the_best_unit_can_be_used(shell):
    shell.interactive = True
    *_, found, hint = send(shell, '/find-neuron ("[^"]*)" @quotes.txt')
    best = found.units[0].unit
    assert hint == Notice(f"/set color neuron {best} colours answers by it · /clamp {best}=VALUE keeps it at a value")


def test_long_texts_and_ctrl_c(shell, monkeypatch):
    monkeypatch.setattr("seqshell.inspect.unit_texts.MAX_NUMBERS", 10 * 600)
    events = send(shell, '/find-neuron ("[^"]*)" @quotes.txt')
    assert only(events, UnitRanking).tokens == 600
    assert Notice("the last 600 tokens of quotes.txt were left out") in events

    before, ranked = place(shell), []
    monkeypatch.setattr("seqshell.inspect.ranking.BLOCK", 1)
    monkeypatch.setattr("seqshell.inspect.ranking.aucs", lambda *args: ranked.append(1) or shell.interrupt())
    with pytest.raises(SeqshellError, match="interrupted; nothing has changed"):
        send(shell, '/find-neuron ("[^"]*)" @quotes.txt')
    assert len(ranked) == 1
    assert place(shell) == before


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


# Bad input


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/neuron", "missing argument; usage: /neuron"),
        ("/neuron quote[7] ab", "quote[7] is outside quote, which goes from quote[0] to quote[1]"),
        ("/neuron gate[0] ab", "no leaf 'gate'; available: hidden, quote"),
        ("/neuron hidden ab", "hidden is 8 numbers; name one of them, hidden[0] to hidden[7]"),
        ("/neuron quote[0] xyz", "planted's vocabulary has no 'x', 'y', 'z'"),
        ("/neuron quote[0]", "main has no text yet"),
        ("/neuron quote[0] @no.txt", "cannot read no.txt"),
        ("/find-neuron", "missing pattern; usage: /find-neuron"),
        ("/find-neuron a --feature depth", "--feature depth takes no pattern"),
        ("/find-neuron --feature size", "--feature must be position, line-start or depth, not 'size'"),
        ("/find-neuron a", "main has 0 tokens, and units are ranked in 500 or more"),
        ("/find-neuron a( @quotes.txt", "'a(' is not a regular expression: missing )"),
        ("/find-neuron x @quotes.txt", "'x' matches nothing in these 1,200 characters"),
        (r"/find-neuron [\s\S]+ @quotes.txt", "every token of the text is inside a match of"),
        ("/find-neuron a @no.txt", "cannot read no.txt"),
        ("/find-neuron -o x.xyz a @quotes.txt", "unknown ending of x.xyz"),
    ],
)
def test_bad_input_is_one_line_and_moves_nothing(shell, line, message):
    before = place(shell)
    with pytest.raises(SeqshellError) as failed:
        send(shell, line)
    assert message in failed.value.message
    assert "\n" not in failed.value.message
    assert place(shell) == before


def test_a_model_that_reads_whole_texts_has_no_units(folder):
    shell = shell_for(replace(tiny_classification_model(), causal=False))
    for line in ("/neuron 0[1] abc", "/find-neuron a"):
        with pytest.raises(SeqshellError, match=r"reads whole texts and has no state|has 0 tokens"):
            send(shell, line)
