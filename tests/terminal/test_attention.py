"""Translations on the screen: the heat map of /attention at any width, labels, the best ones, the lines of a file."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest

from seqshell.core.events import Attention, Candidate, Notice, Progress, Token, Translation
from seqshell.terminal.greeting import greeting
from seqshell.terminal.heat_map import COLOURS
from seqshell.terminal.line_runner import Answering
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Drawing
from seqshell.terminal.signals import Signals
from seqshell.testing import tiny_model, tiny_translation_model
from seqshell.testing.shell import shell_for

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Screen(io.StringIO):
    encoding = "utf-8"


def printer(colours=0, width=80):
    return Printer(Screen(), colours=colours, width=lambda: width)


def seen(drawn):
    return re.sub(r" +$", "", CONTROL.sub("", drawn.stream.getvalue()), flags=re.MULTILINE)


def drawn(event, **wanted):
    on = printer(**wanted)
    Drawing(on).draw(event)
    return seen(on)


def diagonal(source, target):
    """Each token looked at the one in its place."""
    weights = np.zeros((len(target), len(source)))
    weights[np.arange(len(target)), np.arange(len(target)) % len(source)] = 1.0
    return Attention(tuple(source), tuple(target), weights)


def test_a_short_sentence_stands_under_its_words():
    weights = np.array([[1, 0, 0, 0], [0, 0.2, 0.8, 0], [0, 0, 0.45, 0.55], [0, 1, 0, 0]])
    assert drawn(Attention(("i", " love", " you", ""), ("je", " t", "'", " aime"), weights)) == (
        "     i     love  you   <eos>\n"
        "je   @@@@@@\n"
        "t          ::::::%%%%%%\n"
        "'                ======++++++\n"
        "aime       @@@@@@\n"
        "0 [ .:-=+*#%@] 1\n"
    )


def test_a_sentence_of_forty_tokens_can_be_read_at_eighty_columns():
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
def test_no_line_is_wider_than_the_window_and_no_cell_is_lost(width, number):
    words = [f" w{index}" for index in range(number)]
    text = drawn(diagonal(words, [" a" * (index + 1) for index in range(5)]), width=width)

    assert max(map(len, text.splitlines()[:-1])) < width
    assert len(re.findall("@+", text.rpartition("\n0 [")[0])) == 5


def test_colours_are_blocks_from_dark_to_bright_with_a_legend():
    on = printer(colours=256)
    Drawing(on).draw(Attention(("a", " b"), ("c",), np.array([[0.0, 1.0]])))
    first, _, legend = on.stream.getvalue().rstrip("\n").split("\n")[0:3]
    blocks = re.findall(r"\x1b\[48;5;(\d+)m", on.stream.getvalue())

    assert CONTROL.sub("", first).split() == ["a", "b"]
    assert blocks == [str(COLOURS[0]), str(COLOURS[-1]), *map(str, COLOURS)]
    assert CONTROL.sub("", legend).split() == ["0", "1"]


def test_long_labels_are_cut_and_wide_letters_keep_their_column():
    words = [" " + "x" * 30, " \u65e5\u672c", " e\u0301te\u0301"] + [" w"] * 30
    lines = drawn(diagonal(words, [" " + "y" * 30])).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "x"
    assert "…" in "\n".join(lines[:12])
    assert any("\u672c" in line for line in lines)
    assert any("e\u0301" in line for line in lines)


def test_what_is_too_much_for_a_screen_is_said():
    words = [" w"] * 300
    text = drawn(diagonal(words, words))
    told = "120 of 300 source tokens and 120 of 300 target tokens; /attention -o FILE.json saves all"
    assert " ".join(text.split()).endswith(told)


def test_an_empty_translation_has_no_map():
    assert (
        drawn(Attention(("a", ""), (), np.zeros((0, 2)))) == "the translation is empty: no attention weights to show\n"
    )


def test_tokens_cannot_steer_the_terminal():
    on = printer(colours=256)
    Drawing(on).draw(Attention(("\x1b[2J", " b"), ("\x07",), np.array([[0.5, 0.5]])))
    assert "\x1b[2J" not in on.stream.getvalue()
    assert "^[[2J" in seen(on)


# Answers


def answering(*lines, current="tiny", width=80):
    """A shell at the terminal, a model that translates in the background unless it is `current`; what is shown after the lines."""
    shell = shell_for(tiny_model(), seed=7)
    shell.workspace.add(replace(tiny_translation_model(seed=3), name="english-french"), background=True)
    shell.workspace.use(current)
    shell.interactive = True
    answers = Answering(shell, Printer(Screen(), colours=0, width=lambda: width), Signals())
    for line in lines:
        answers.answer(line)
    return answers, seen(answers._printer)


def test_an_answer_from_the_background_begins_with_the_languages_on_its_line():
    answers, shown = answering("/translate i love the cat .")
    text = answers.shell.workspace.sessions["english-french"].text().text.strip()
    assert shown.startswith(f"english -> french: {text}▌")
    assert "tokens · /attention shows the weights" in shown
    assert "Enter continues" not in shown


def test_a_line_that_cannot_be_translated_is_put_back():
    answers, _ = answering()
    assert answers.answer("/translate \u4eca").put_back
    assert "english -> french" not in seen(answers._printer)


def test_the_best_are_numbered_below_the_answer():
    answers, shown = answering("/strategy beam width=4", "/set nbest 3", "i love the cat .", current="english-french")
    text = answers.shell.session.text().text.strip()
    first, second, third = shown.rstrip("\n").split("\n")[-3:]
    assert re.fullmatch(rf"  1 +-?\d+\.\d{{3}}  {re.escape(text)}", first)
    assert second.startswith("  2 ")
    assert third.startswith("  3 ")


def test_the_best_cannot_break_their_lines():
    answers, _ = answering()
    answers._stream.draw_end(
        Translation("a", 1, "eos", -1.0, 0, 1, candidates=(Candidate("a\nb", -1.0, -1.0), Candidate("c\r", -2.0, -2.0)))
    )
    assert seen(answers._printer).endswith("  1   -1.000  a b\n  2   -2.000  c\n")


def test_the_lines_of_a_file_are_lines_and_the_bar_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.en").write_text("the cat\n\ni love you\n")
    answers, shown = answering("/translate @a.en")
    lines = shown.split("\n")
    assert lines[1] == ""
    assert "3 lines translated" in shown
    answers._drawing.draw(Progress(1, 2))
    answers._draw(Translation("x", 1, "eos", 0.0, 0, 1, item=1), None)
    assert answers._drawing._bar._progress is None


def test_a_label_stands_on_the_line_of_what_follows():
    on = printer()
    drawing = Drawing(on)
    drawing.draw(Notice("english -> french:", "label"))
    on.write(Token("bonjour").text)
    assert seen(on) == "english -> french: bonjour"


def test_the_greeting_of_a_model_that_translates():
    header = {"task": "translate", "about": "It translates English into French.", "examples": ["i love you."]}
    lines = [line for line, _ in greeting("0.1.0", "english-french", header, 80)]
    assert lines == [
        "seqshell 0.1 · english-french",
        "It translates English into French. Try  i love you.  then /attention, /top",
        "Each line is translated · Ctrl-C: stop · /translate @FILE: a whole file · /help",
    ]
    assert all(len(line) < 40 for line, _ in greeting("0.1.0", "english-french", header, 40))
