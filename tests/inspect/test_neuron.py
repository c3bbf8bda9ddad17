"""/find-neuron: planted units are found, models of others work, and bad input moves nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.inspect.planted import QUOTE, only, place, quoted_text, send

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Notice, UnitRanking
from seqshell.inspect.ranking import Ranking
from seqshell.inspect.unit_texts import AllUnits
from seqshell.testing import shell_for, tiny_classification_model

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
