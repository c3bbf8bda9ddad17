"""Translations on the screen: the heat map of /attention, numbered translations, lines of files."""

import re
from dataclasses import replace

import numpy as np
import pytest

from seqshell.core.events import Attention, Candidate, Notice, Progress, Token, Translation
from seqshell.terminal.heat_map import COLOURS
from seqshell.terminal.printer import TRUE_COLOUR
from seqshell.terminal.renderer import Renderer
from seqshell.testing import tiny_model, tiny_translation_model
from seqshell.testing.shell import shell_for


def diagonal(source, target):
    """Attention of each target token to the source token at the same position."""
    weights = np.zeros((len(target), len(source)))
    weights[np.arange(len(target)), np.arange(len(target)) % len(source)] = 1.0
    return Attention(tuple(source), tuple(target), weights)


def test_labels_are_horizontal_where_they_fit(drawn):
    weights = np.array([[1, 0, 0, 0], [0, 0.2, 0.8, 0], [0, 0, 0.45, 0.55], [0, 1, 0, 0]])
    assert drawn(Attention(("i", " love", " you", ""), ("je", " t", "'", " aime"), weights)) == (
        "     i     love  you   <eos>\n"
        "je   @@@@@@\n"
        "t          ::::::%%%%%%\n"
        "'                ======++++++\n"
        "aime       @@@@@@\n"
        "0 [ .:-=+*#%@] 1\n"
    )


def test_forty_tokens_are_readable_in_eighty_columns(drawn):
    words = [f" word{number}" for number in range(40)]
    text = drawn(diagonal(words, words[:4]))
    lines = text.splitlines()

    assert max(map(len, lines)) < 80
    assert sum(line.count("@@@") for line in lines) == 4
    labels = ["".join(line[5 + 2 * 0 :].ljust(80)[column] for line in lines[:6]).strip() for column in range(75)]
    assert [label for label in labels if label] == [f"word{number}" for number in range(20)]
    assert len(lines) == 2 * (6 + 4) + 1  # two bands, each with labels of six rows, and the legend


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("number", [1, 2, 7, 33, 64])
def test_no_line_is_wider_than_the_window_and_no_cell_is_lost(drawn, width, number):
    words = [f" w{index}" for index in range(number)]
    text = drawn(diagonal(words, [" a" * (index + 1) for index in range(5)]), width=width)

    assert max(map(len, text.splitlines()[:-1])) < width
    assert len(re.findall("@+", text.rpartition("\n0 [")[0])) == 5


def test_weights_are_coloured_blocks_from_dark_to_bright(new_printer, visible):
    printer = new_printer(colours=256)
    Renderer(printer).draw(Attention(("a", " b"), ("c",), np.array([[0.0, 1.0]])))
    labels, _, legend = visible(printer).rstrip("\n").split("\n")
    blocks = re.findall(r"\x1b\[48;5;(\d+)m", printer.stream.getvalue())

    assert labels.split() == ["a", "b"]
    assert blocks == [str(COLOURS[0]), str(COLOURS[-1]), *map(str, COLOURS)]
    assert legend.split() == ["0", "1"]


def test_weights_have_their_own_shade_in_true_colour(new_printer):
    printer = new_printer(colours=TRUE_COLOUR)
    Renderer(printer).draw(Attention(("a", " b", " c"), ("c",), np.array([[0.0, 0.125, 1.0]])))
    blocks = re.findall(r"\x1b\[48;2;([\d;]+)m", printer.stream.getvalue())

    assert blocks[:3] == ["68;1;84", "69;48;111", "253;231;37"]
    assert len(set(blocks[3:])) == 10


def test_a_map_taller_than_the_window_has_its_labels_below_too(drawn):
    short, tall = (
        drawn(diagonal([" red", " green"], [f" w{row}" for row in range(number)])).splitlines() for number in (20, 21)
    )
    assert [line.split() == ["red", "green"] for line in short[1:]] == [False] * 21
    assert [index for index, line in enumerate(tall) if line.split() == ["red", "green"]] == [0, 22]


def test_long_labels_are_cut_and_wide_characters_stay_aligned(drawn):
    words = [" " + "x" * 30, " \u65e5\u672c", " e\u0301te\u0301"] + [" w"] * 30
    lines = drawn(diagonal(words, [" " + "y" * 30])).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "x"
    assert "…" in "\n".join(lines[:12])
    assert any("\u672c" in line for line in lines)
    assert any("e\u0301" in line for line in lines)


def test_a_note_reports_that_only_the_first_tokens_are_drawn(drawn):
    words = [" w"] * 300
    text = drawn(diagonal(words, words))
    note = "120 of 300 source tokens and 120 of 300 target tokens; /attention -o FILE.json saves all"
    assert " ".join(text.split()).endswith(note)


def test_an_empty_translation_has_no_map(drawn):
    assert (
        drawn(Attention(("a", ""), (), np.zeros((0, 2)))) == "the translation is empty: no attention weights to show\n"
    )


def test_control_sequences_in_tokens_are_escaped(new_printer, visible):
    printer = new_printer(colours=256)
    Renderer(printer).draw(Attention(("\x1b[2J", " b"), ("\x07",), np.array([[0.5, 0.5]])))
    assert "\x1b[2J" not in printer.stream.getvalue()
    assert "^[[2J" in visible(printer)


# Answers


@pytest.fixture
def translate(new_runner):
    """Return a function that answers lines with a model that generates and one that translates; it gives the runner.

    current: the name of the current model, tiny or english-french.
    """

    def run(*lines, current="tiny"):
        shell = shell_for(tiny_model(), seed=7)
        shell.workspace.add(replace(tiny_translation_model(seed=3), name="english-french"), background=True)
        shell.workspace.use(current)
        runner = new_runner(shell)
        for line in lines:
            runner.run(line)
        return runner

    return run


def test_the_answer_of_a_background_model_starts_with_its_languages(translate, visible):
    runner = translate("/translate i love the cat .")
    text = runner.shell.workspace.sessions["english-french"].text().text.strip()
    assert visible(runner._printer).startswith(f"english -> french: {text}▌")
    assert "tokens · /attention shows the weights" in visible(runner._printer)
    assert "Enter continues" not in visible(runner._printer)


def test_a_character_that_cannot_be_translated_is_an_error(translate, visible):
    runner = translate()
    assert not runner.run("/translate \u4eca").done
    assert "english -> french" not in visible(runner._printer)


def test_several_translations_are_numbered_below_the_answer(translate, visible):
    runner = translate("/strategy beam width=4", "/set nbest 3", "i love the cat .", current="english-french")
    text = runner.shell.session.text().text.strip()
    first, second, third = visible(runner._printer).rstrip("\n").split("\n")[-3:]
    assert re.fullmatch(rf"  1 +-?\d+\.\d{{4}}  {re.escape(text)}", first)
    assert second.startswith("  2 ")
    assert third.startswith("  3 ")


def test_a_numbered_translation_stays_on_one_line(translate, visible):
    runner = translate()
    runner._stream.draw_end(
        Translation("a", 1, "eos", -1.0, 0, 1, candidates=(Candidate("a\nb", -1.0, -1.0), Candidate("c\r", -2.0, -2.0)))
    )
    assert visible(runner._printer).endswith("  1   -1.0000  a b\n  2   -2.0000  c\n")


def test_translations_of_a_file_take_one_line_each_and_replace_the_progress_bar(folder, translate, visible):
    (folder / "a.en").write_text("the cat\n\ni love you\n")
    runner = translate("/translate @a.en")
    lines = visible(runner._printer).split("\n")
    assert lines[1] == ""
    assert "3 lines translated" in visible(runner._printer)
    runner._renderer.draw(Progress(1, 2))
    runner._draw(Translation("x", 1, "eos", 0.0, 0, 1, item=1))
    assert runner._renderer._bar._progress is None


def test_the_languages_stay_on_the_line_of_the_answer(new_printer, visible):
    printer = new_printer()
    renderer = Renderer(printer)
    renderer.draw(Notice("english -> french:", "label"))
    printer.write(Token("bonjour").text)
    assert visible(printer) == "english -> french: bonjour"
