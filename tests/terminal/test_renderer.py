"""What events look like on the screen, with colours, without, and where the terminal knows no escape sequences."""

import io
import math
import re

import numpy as np
import pytest

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.core.events import (
    Branch,
    Branches,
    Data,
    Finished,
    Likely,
    ModelOpened,
    Moved,
    Notice,
    Picture,
    Progress,
    Score,
    Scored,
    SettingChanged,
    Table,
    Text,
    Token,
    Top,
)
from seqshell.terminal.error_message import draw_error
from seqshell.terminal.greeting import greeting
from seqshell.terminal.printer import Printer, colours_wanted
from seqshell.terminal.renderer import Renderer
from seqshell.terminal.surprisal import TokenWriter, draw_legend, level
from seqshell.terminal.token_stream import TokenStream
from seqshell.terminal.toolbar import fit

HEADER = {
    "architecture": "lstm",
    "config": {"num_layers": 2, "hidden_size": 512},
    "tokenizer": {"name": "char"},
    "parameters": 3_423_000,
    "provenance": {"metrics": {"nats": {"carry": 1.47, "blocks256": 1.481}}},
    "about": "It goes on with what you write.",
    "examples": ["ROMEO:"],
}
CONTROL = re.compile(r"\x1b\[[0-9;]*m")


class Screen(io.StringIO):
    encoding = "utf-8"


def printer(colours=0, width=80):
    return Printer(Screen(), colours=colours, width=lambda: width)


def seen(drawn):
    """What a printer has shown, without colours and spaces at line ends."""
    return re.sub(r" +$", "", CONTROL.sub("", drawn.stream.getvalue()), flags=re.MULTILINE)


def draw(event, **wanted):
    on = printer(**wanted)
    Renderer(on).draw(event)
    return seen(on)


def answers(on, clock=lambda: 0.0):
    return TokenStream(on, lambda: False, clock)


def answer(drawn, text, stop="length", **more):
    """Stream a text character by character and finish it."""
    drawn.begin()
    for character in text:
        drawn.draw_token(Token(character))
    drawn.draw_end(Finished(text, len(text), stop, -1.0, 0, len(text), **more))


# The first minute


def test_the_greeting_is_three_lines_from_the_checkpoint():
    assert [line for line, _ in greeting("0.1.0", "shakespeare", HEADER, 80)] == [
        "seqshell 0.1 · shakespeare: character LSTM 2x512, 3.4M parameters",
        "It goes on with what you write. Try  ROMEO:  then /undo, /regen 3, /top",
        "Enter: continue · Ctrl-C: stop · /tour: two-minute tour · /help",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 76, 77])
def test_no_line_of_the_greeting_is_wider_than_the_window(width):
    assert all(len(line) < width for line, _ in greeting("0.1.0", "shakespeare", HEADER, width))


def test_a_header_that_says_nothing_greets_all_the_same():
    assert next(line for line, _ in greeting("0.1.0", "mine", {}, 80)) == "seqshell 0.1 · mine"


def test_the_first_three_answers_are_explained_after_their_last_character():
    on = printer()
    drawn = answers(on)
    for _ in range(4):
        answer(drawn, "\nthe morning of the w")

    explained = "the morning of the w▌  stopped at 20 tokens · Enter continues, /regen tries again, /undo goes back\n"
    assert len(explained) > 80  # so the short form is drawn
    assert (
        seen(on)
        == "the morning of the w▌\nstopped at 21 tokens · Enter continues, /regen tries again, /undo goes back\n" * 3
        + "the morning of the w\n"
    )


def test_the_remark_stands_beside_the_text_where_there_is_room():
    on = printer(width=100)
    answer(answers(on), "\nthe morning of the w")
    assert (
        seen(on)
        == "the morning of the w▌  stopped at 21 tokens · Enter continues, /regen tries again, /undo goes back\n"
    )


def test_an_interrupted_answer_always_says_so():
    on = printer()
    drawn = answers(on)
    for _ in range(3):
        answer(drawn, "a")
    answer(drawn, "ab", stop="interrupt")
    assert seen(on).endswith("ab▌  interrupted after 2 tokens\n")


def test_an_answer_that_ends_with_a_newline_gets_its_remark_on_the_next_line():
    on = printer()
    answer(answers(on), "ab\n", stop="eos")
    assert seen(on) == "ab\nended after 3 tokens · Enter continues, /regen tries again, /undo goes back\n"


def test_candidates_are_numbered():
    on = printer()
    answer(answers(on), "ab", candidate=2, branch="main.3", settings="temperature=0.5")
    assert seen(on) == "ab▌  candidate 2, main.3, temperature=0.5\n"


def test_an_unknown_character_is_shown_with_carets():
    on = printer()
    error = VocabularyError(
        "shakespeare does not know '2', '+' (characters 9 to 11 of your text)",
        text="What is 2+2?",
        positions=(8, 9, 10),
        hint="/set unknown skip leaves such characters out",
    )
    draw_error(on, error, put_back=True)
    assert seen(on) == (
        "shakespeare does not know '2', '+' (characters 9 to 11 of your text)\n"
        "  What is 2+2?\n"
        "          ^^^\n"
        "/set unknown skip leaves such characters out; your line is back in the prompt\n"
    )


def test_carets_stand_right_in_long_wide_and_broken_lines():
    on = printer(width=30)
    text = "first line\n" + "x" * 100 + "日é\t!\nlast"
    draw_error(on, VocabularyError("no", text=text, positions=(text.index("日"), text.index("!"))))
    shown, carets = seen(on).splitlines()[1:]
    assert shown.endswith("x日é→!")
    assert [index for index, character in enumerate(carets) if character == "^"] == [
        len(shown) - 4,
        len(shown) - 3,
        len(shown),
    ]


def test_a_move_shows_the_text_as_it_is_and_the_undo_path():
    moved = Moved(32, 206, "main", "ROMEO:\nWhat, will you go with me", 174, "/redo restores them")
    assert (
        draw(moved)
        == "ROMEO:\nWhat, will you go with me|\nposition 32 · main · 174 tokens undone · /redo restores them\n"
    )


def test_a_move_to_the_beginning_or_another_branch_is_one_line():
    assert (
        draw(Moved(0, 5, "main", "", 5, "/undo restores them"))
        == "position 0 · main · 5 tokens undone · /undo restores them\n"
    )
    assert draw(Moved(1, 5, "main.2", "a", 0, "/checkout main goes back")).endswith(
        "position 1 · main.2 · /checkout main goes back\n"
    )
    assert "1 token restored" in draw(Moved(6, 5, "main", "", -1))


# Other events


def test_an_error_without_a_way_out_is_one_line():
    on = printer()
    draw_error(on, UsageError("there is no command /lod; did you mean /load?", hint="/load"), put_back=True)
    assert seen(on) == "there is no command /lod; did you mean /load?\n"


def test_text_shows_what_is_the_users_own_in_bold():
    on = printer(colours=256)
    Renderer(on).draw(Text("ROMEO: what", ((0, 6),)))
    assert on.stream.getvalue() == "\x1b[1mROMEO:\x1b[0m what\n"


def test_nothing_from_outside_reaches_the_terminal_as_it_is():
    evil = "a\x1b[2J\x9b31m\x07\u202e"
    for event in (
        Notice(evil),
        Text(evil, ((0, 2),)),
        Table((evil,), ((evil, evil),), evil),
        Moved(1, 2, evil, evil, 1, evil),
        Top((Likely(1, evil, -1.0, -math.inf),)),
        Score((Scored(evil, -1.0, 3, ((evil, -2.0),)),), -1.0, 1.0, 1.4, 2.7),
        Branches((Branch(evil, 3, True, evil),)),
        Picture([[1.0]], {"rows": [evil], "columns": [evil]}),
        SettingChanged("stop", (evil,), evil),
        ModelOpened(evil, evil, evil),
        Progress(1, 2, evil, evil),
    ):
        for colours in (256, 0, -1):
            on = printer(colours=colours, width=60)
            drawing = Renderer(on)
            drawing.draw(event)
            drawing.end_progress()
            left = re.sub(r"\x1b\[(\?25[lh]|[0-9;]*[mAK]|1A\x1b\[2K|2K)|\r", "", on.stream.getvalue())
            assert not set(left) & set("\x1b\x9b\x07\u202e"), event


def test_markup_of_rich_in_a_cell_is_text():
    assert draw(Table(("name",), (("[red]x[/red] :smile:",),))) == "name\n[red]x[/red] :smile:\n"


def test_a_table_lines_up_its_numbers_and_writes_values_as_the_user_would():
    table = Table(
        ("name", "value", "on"),
        (("temperature", 0.5, True), ("max_tokens", 1200, False), ("stop", None, True)),
        "settings",
    )
    assert draw(table) == (
        "settings\nname         value  on\ntemperature    0.5  on\nmax_tokens   1,200  off\nstop                on\n"
    )
    assert draw(Table(("name",), (), "branches")) == "branches: none\n"


def test_a_changed_setting_is_told_with_what_it_was():
    assert draw(SettingChanged("temperature", 0.5, 0.8)) == "temperature 0.5 (was 0.8)\n"
    assert draw(SettingChanged("surprisal", True, False)) == "surprisal on (was off)\n"


def test_data_and_unknown_events_have_nothing_to_see():
    assert draw(Data({"a": 1})) == ""


def test_top_draws_the_model_and_beside_it_the_chain():
    second, third = Likely(2, "\n", math.log(0.25), math.log(0.25)), Likely(3, " ", math.log(0.001), -math.inf)
    assert draw(Top((Likely(1, "e", math.log(0.5), math.log(0.75)), second, third)), width=41) == (
        "token  model             with sampler\n"
        "e       50.0%  ████       75.0%  ██████\n"
        "\\n      25.0%  ██         25.0%  ██\n"
        "' '     0.10%                 -\n"
    )


def test_top_without_unicode_draws_with_ascii():
    assert "50.0%  ####" in draw(Top((Likely(1, "e", math.log(0.5), -math.inf),)), colours=-1, width=41)


def test_a_score_lists_each_token_and_the_figures_of_the_whole():
    score = Score((Scored("a", -0.1, 0, (("a", -0.1), ("b", -3.0))), Scored("\n", -5.0, 7)), -5.1, 2.55, 3.679, 12.8)
    drawn = draw(score)
    assert drawn.splitlines()[:3] == ["a", "09", "   token    prob  nats  rank  most likely"]
    assert "1  a       90.5%  0.10     0  a 90.5%  b 4.98%" in drawn
    assert "2  \\n      0.67%  5.00     7" in drawn
    assert drawn.endswith("sum 5.1 nats · mean 2.55 nats · 3.679 bits per character · perplexity 12.8\n")


def test_a_long_score_lists_the_most_surprising_tokens():
    tokens = tuple(Scored("a", -float(index), index) for index in range(100))
    drawn = draw(Score(tokens, -1.0, 1.0, 1.0, 1.0))
    assert "the 12 most surprising of 100 tokens" in drawn
    assert drawn.count("\n") < 30


def test_branches_are_a_tree_with_a_star_where_you_stand():
    second, third = Branch("main.2", 180, True, "Ay", "main", 6), Branch("deep", 9, False, "", "main.2", 7)
    tree = draw(Branches((Branch("main", 206, False, "What, will\nyou"), second, third)))
    assert tree.splitlines() == ["main  206  What, will you", "└── * main.2  6 to 180  Ay", "    └── deep  7 to 9"]


def test_a_picture_is_blocks_in_colour_and_ascii_without():
    picture = Picture(np.array([[0.0, 1.0], [0.5, 0.25]]), {"rows": ["le", "chat"], "columns": ["the", "cat"]})
    assert draw(picture) == "     the cat\nle       @@@@\nchat ++++::::\n0 [ .:-=+*#%@] 1\n"
    on = printer(colours=256)
    Renderer(on).draw(picture)
    assert "\x1b[48;5;17m    \x1b[0m\x1b[48;5;227m    \x1b[0m" in on.stream.getvalue()


def test_a_picture_wider_than_the_window_comes_in_bands():
    drawn = draw(Picture(np.ones((1, 100)), {"rows": ["a"], "columns": ["x"] * 100}), width=30)
    assert max(map(len, drawn.splitlines())) < 30
    assert drawn.count("@") == 100 + 1  # one in the legend


def test_progress_without_escape_sequences_is_a_line_now_and_then():
    on = printer(colours=-1)
    drawing = Renderer(on)
    for done in range(101):
        drawing.draw(Progress(done, 100, "1.5 nats", "training"))
    assert seen(on).count("\n") == 11
    assert "training 50 % 1.5 nats" in seen(on)


# Surprisal, pace, colours, widths


def test_surprisal_has_ten_levels_of_half_a_nat():
    assert [level(nats) for nats in (0.0, 0.49, 0.5, 1.4, 4.49, 4.5, 50.0, math.inf, math.nan)] == [
        0,
        0,
        1,
        2,
        8,
        9,
        9,
        9,
        9,
    ]


def test_surprisal_colours_tokens_from_their_outputs():
    on = printer(colours=256)
    drawn = answers(on)
    drawn.begin({"surprisal": True})
    drawn.draw_token(Token("a", 0, 0, np.array([0.0, 0.0], np.float32)))  # ln 2 nats: level 1
    assert on.stream.getvalue() == "\x1b[38;5;72ma\x1b[0m"


def test_without_colour_digits_stand_under_the_tokens():
    on = printer()
    writer = TokenWriter(on)
    for text, nats in (("ab", 0.1), ("c", 1.0), ("\n", 9.0), ("日", 0.5), ("d", 2.0)):
        writer.write(text, nats)
    writer.finish_line()
    assert seen(on) == "abc\n0 29\n日d\n1 4\n"


def test_an_empty_line_stays_one_without_digits():
    on = printer()
    writer = TokenWriter(on)
    for character in "a\n\nb":
        writer.write(character, 0.0)
    writer.finish_line()
    assert seen(on) == "a\n00\n\nb\n0\n"


def test_digits_follow_a_line_that_is_broken_by_the_window():
    on = printer(width=20)
    writer = TokenWriter(on)
    for character in "a" * 25:
        writer.write(character, 0.0)
    writer.finish_line()
    assert seen(on) == "a" * 19 + "\n" + "0" * 19 + "\n" + "a" * 6 + "\n" + "0" * 6 + "\n"


def test_the_legend_fits_a_narrow_window():
    for colours in (256, 0):
        on = printer(colours=colours, width=60)
        draw_legend(on)
        assert len(seen(on)) <= 60
        assert "4.5" in seen(on)


def test_pace_keeps_to_so_many_tokens_a_second():
    on, now = printer(), [0.0]

    def sleep(seconds):
        now[0] += seconds

    drawn = TokenStream(on, lambda: False, lambda: now[0], sleep)
    drawn.begin({"pace": 20.0})
    for _ in range(5):
        drawn.draw_token(Token("a"))
    assert now[0] == pytest.approx(5 / 20)


def test_an_interrupt_does_not_wait_for_the_pace():
    drawn = TokenStream(printer(), lambda: True)
    drawn.begin({"pace": 0.001})
    drawn.draw_token(Token("a"))
    assert drawn.printer.stream.getvalue() == "a"


def test_speed_is_told_without_the_time_spent_waiting():
    times = iter([0.0, 1.0, 1.5])
    on = printer()
    drawn = answers(on, clock=lambda: next(times))
    drawn.begin()
    for _ in range(11):
        drawn._clock = (lambda: 1.0) if drawn._num_tokens == 0 else drawn._clock
        drawn.draw_token(Token("a"))
    drawn._clock = lambda: 1.5
    drawn.draw_end(Finished("a" * 11, 11, "length", 0.0, 0, 11))
    assert drawn.tokens_per_second == pytest.approx(20)


def test_colours_are_wanted_as_the_option_and_the_terminal_say():
    assert colours_wanted("auto", {"TERM": "xterm-256color"}) == 256
    assert colours_wanted("auto", {"TERM": "xterm"}) == 16
    assert colours_wanted("auto", {"TERM": "xterm", "NO_COLOR": "1"}) == 0
    assert colours_wanted("always", {"TERM": "xterm", "NO_COLOR": "1"}) == 16
    assert colours_wanted("never", {"TERM": "xterm-256color"}) == 0
    assert colours_wanted("always", {"TERM": "dumb"}) == -1


def test_a_terminal_without_escape_sequences_gets_none():
    on = printer(colours=-1)
    drawing = Renderer(on)
    for event in (
        Notice("a"),
        Text("b", ((0, 1),)),
        Table(("c",), ((1,),)),
        Branches((Branch("main", 1, True),)),
        Progress(1, 2),
    ):
        drawing.draw(event)
    assert "\x1b" not in on.stream.getvalue()


def test_parts_of_the_toolbar_drop_out_from_the_right():
    parts = ["shakespeare", "sample temperature=0.8", "seed 7", "main at 206"]
    assert fit(parts, 80) == "shakespeare · sample temperature=0.8 · seed 7 · main at 206"
    assert fit(parts, 50) == "shakespeare · sample temperature=0.8 · seed 7"
    assert fit(parts, 20) == "shakespeare"
    assert fit(parts, 8) == "shakesp"


def test_the_column_is_known_after_wide_characters_tabs_and_wraps():
    on = printer(width=20)
    on.write("日\ta")
    assert on.column == 9
    on.write("x" * 15)
    assert on.column == 4
    on.fresh_line()
    assert on.column == 0
