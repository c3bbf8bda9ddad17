"""Events on the screen: with colours, without, and on a terminal without escape sequences."""

import math
import re

import numpy as np
import pyte
import pytest

from seqshell.core.events import (
    Branch,
    Branches,
    Data,
    HookOutput,
    Likely,
    ModelOpened,
    Moved,
    Notice,
    Picture,
    PresetLoaded,
    Progress,
    Score,
    Scored,
    SettingChanged,
    Table,
    Text,
    Top,
)
from seqshell.terminal.renderer import Renderer


def test_a_move_shows_the_end_of_the_text_the_position_and_the_undo_path(drawn):
    moved = Moved(32, 206, "main", "ROMEO:\nWhat, will you go with me", 174, "/redo restores them")
    assert (
        drawn(moved)
        == "ROMEO:\nWhat, will you go with me|\nposition 32 · main · 174 tokens undone · /redo restores them\n"
    )


def test_a_move_to_the_beginning_or_another_branch_is_one_line(drawn):
    assert (
        drawn(Moved(0, 5, "main", "", 5, "/undo restores them"))
        == "position 0 · main · 5 tokens undone · /undo restores them\n"
    )
    assert drawn(Moved(1, 5, "main.2", "a", 0, "/checkout main goes back")).endswith(
        "position 1 · main.2 · /checkout main goes back\n"
    )
    assert "1 token restored" in drawn(Moved(6, 5, "main", "", -1))


def test_the_users_own_text_is_bold(new_printer):
    printer = new_printer(colours=256)
    Renderer(printer).draw(Text("ROMEO: what", ((0, 6),)))
    assert printer.stream.getvalue() == "\x1b[1mROMEO:\x1b[0m what\n"


def test_control_sequences_in_events_are_escaped(new_printer):
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
            printer = new_printer(colours=colours, width=60)
            renderer = Renderer(printer)
            renderer.draw(event)
            renderer.end_progress()
            left = re.sub(r"\x1b\[(\?25[lh]|[0-9;]*[mAK]|1A\x1b\[2K|2K)|\r", "", printer.stream.getvalue())
            assert not set(left) & set("\x1b\x9b\x07\u202e"), event


def test_markup_of_rich_in_a_cell_is_plain_text(drawn):
    assert drawn(Table(("name",), (("[red]x[/red] :smile:",),))) == "name\n[red]x[/red] :smile:\n"


def test_a_table_aligns_numbers_and_writes_values_as_the_user_would(drawn):
    table = Table(
        ("name", "value", "on"),
        (("temperature", 0.5, True), ("max_tokens", 1200, False), ("stop", None, True)),
        "settings",
    )
    assert drawn(table) == (
        "settings\nname         value  on\ntemperature    0.5  on\nmax_tokens   1,200  off\nstop                on\n"
    )
    assert drawn(Table(("name",), (), "branches")) == "branches: none\n"


def test_a_changed_setting_is_shown_with_its_previous_value(drawn):
    assert drawn(SettingChanged("temperature", 0.5, 0.8)) == "temperature 0.5 (was 0.8)\n"
    assert drawn(SettingChanged("surprisal", True, False)) == "surprisal on (was off)\n"
    changes = SettingChanged("strategy", "greedy", "sample"), SettingChanged("max_tokens", 5, 5)
    assert drawn(PresetLoaded("mine", changes)) == "strategy greedy (was sample)\nmax_tokens 5\n"


def test_data_is_not_drawn(drawn):
    assert drawn(Data({"a": 1})) == ""


def test_top_has_bars_for_the_model_and_for_the_sampler_chain(drawn):
    second, third = Likely(2, "\n", math.log(0.25), math.log(0.25)), Likely(3, " ", math.log(0.001), -math.inf)
    assert drawn(Top((Likely(1, "e", math.log(0.5), math.log(0.75)), second, third)), width=41) == (
        "token  model             with sampler\n"
        "e       50.0%  ████       75.0%  ██████\n"
        "\\n      25.0%  ██         25.0%  ██\n"
        "' '     0.10%                 -\n"
    )


def test_a_dumb_terminal_shows_top_in_ascii(drawn):
    assert "50.0%  ####" in drawn(Top((Likely(1, "e", math.log(0.5), -math.inf),)), colours=-1, width=41)


def test_a_score_lists_each_token_and_the_totals(drawn):
    score = Score((Scored("a", -0.1, 0, (("a", -0.1), ("b", -3.0))), Scored("\n", -5.0, 7)), -5.1, 2.55, 3.679, 12.8)
    drawn = drawn(score)
    assert drawn.splitlines()[:5] == [
        "a",
        "09",
        "   token    prob  surprisal  rank  most likely",
        "1  a       90.5%     0.1000     1  a  90.5%  b  4.98%",
        "2  \\n      0.67%     5.0000     8",
    ]
    assert drawn.endswith("5.1000 nats, 2.5500 a token, 3.6790 bits a character, perplexity 12.8\n")


def test_the_most_likely_tokens_of_a_score_stand_in_columns_and_are_left_out_one_by_one(drawn):
    first = Scored("\n", -0.1, 0, (("\n", 0.0), ("b", -3.0), ("c", -4.0)))
    score = Score((first, Scored("u", -5.0, 1, (("u", 0.0), (" ", -4.0)))), -5.1, 2.55, 3.679, 12.8)
    assert drawn(score, width=80).splitlines()[-3:-1] == [
        "1  \\n      90.5%     0.1000     1  \\n 100.0%  b    4.98%  c  1.83%",
        "2  u       0.67%     5.0000     2  u  100.0%  ' '  1.83%",
    ]
    assert drawn(score, width=54).splitlines()[-4:-2] == [
        "1  \\n      90.5%     0.1000     1  \\n 100.0%",
        "2  u       0.67%     5.0000     2  u  100.0%",
    ]
    assert "   token    prob  surprisal  rank" in drawn(score, width=36).splitlines()


def test_a_long_score_lists_the_most_surprising_tokens(drawn):
    tokens = tuple(Scored("a", -float(index), index) for index in range(100))
    drawn = drawn(Score(tokens, -1.0, 1.0, 1.0, 1.0))
    assert "the 12 most surprising of 100 tokens" in drawn
    assert drawn.count("\n") < 30


def test_branches_are_a_tree_with_a_star_at_the_current_one(drawn):
    second, third = Branch("main.2", 180, True, "Ay", "main", 6), Branch("deep", 9, False, "", "main.2", 7)
    tree = drawn(Branches((Branch("main", 206, False, "What, will\nyou"), second, third)))
    assert tree.splitlines() == ["main  206  What, will you", "└── * main.2  6 to 180  Ay", "    └── deep  7 to 9"]


def test_a_picture_is_coloured_blocks_or_ascii(drawn, new_printer):
    picture = Picture(np.array([[0.0, 1.0], [0.5, 0.25]]), {"rows": ["le", "chat"], "columns": ["the", "cat"]})
    assert drawn(picture) == "     the cat\nle       @@@@\nchat ++++::::\n0 [ .:-=+*#%@] 1\n"
    printer = new_printer(colours=256)
    Renderer(printer).draw(picture)
    assert "\x1b[48;5;17m    \x1b[0m\x1b[48;5;227m    \x1b[0m" in printer.stream.getvalue()


def test_a_picture_wider_than_the_window_is_wrapped(drawn):
    drawn = drawn(Picture(np.ones((1, 100)), {"rows": ["a"], "columns": ["x"] * 100}), width=30)
    assert max(map(len, drawn.splitlines())) < 30
    assert drawn.count("@") == 100 + 1  # one in the legend


def test_a_progress_bar_is_replaced_in_place_and_leaves_nothing_behind(new_printer, monkeypatch):
    """Three epochs of a training leave their three summaries, and no bar."""
    monkeypatch.setenv("COLUMNS", "60")  # for rich, which follows the window
    printer = new_printer(width=60)
    renderer = Renderer(printer)
    screen = pyte.Screen(60, 20)
    for epoch in (1, 2, 3):
        for done in range(1, 4):
            renderer.draw(
                Progress(3 * epoch - 3 + done, 9, "loss 1.500 · 1,000 tokens/s · 1 min left", f"epoch {epoch} of 3")
            )
        renderer.draw(Notice(f"epoch {epoch}: best so far"))
    renderer.draw(Progress(1, 2))
    renderer.end_progress()
    pyte.Stream(screen).feed(printer.stream.getvalue().replace("\n", "\r\n"))

    assert [line.rstrip() for line in screen.display if line.strip()] == [
        "epoch 1: best so far",
        "epoch 2: best so far",
        "epoch 3: best so far",
    ]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, "epoch 2 of 30   5 % loss 3.850 · 14,000 tokens/s · 5 min"),
        (100, f"epoch 2 of 30 ━{' ' * 23}   5 % loss 3.850 · 14,000 tokens/s · 5 min"),
    ],
)
def test_a_narrow_window_shows_the_whole_note_instead_of_a_bar(new_printer, monkeypatch, width, shown):
    monkeypatch.setenv("COLUMNS", str(width))
    printer, screen = new_printer(width=width), pyte.Screen(width, 5)
    renderer = Renderer(printer)
    renderer.draw(Progress(1, 20, "loss 3.850 · 14,000 tokens/s · 5 min", "epoch 2 of 30"))
    renderer._bar._progress.refresh()
    pyte.Stream(screen).feed(printer.stream.getvalue().replace("\n", "\r\n"))
    renderer.end_progress()

    assert screen.display[0].rstrip() == shown


def test_a_dumb_terminal_shows_progress_as_a_few_lines(new_printer, visible):
    printer = new_printer(colours=-1)
    renderer = Renderer(printer)
    for done in range(101):
        renderer.draw(Progress(done, 100, "1.5 nats", "training"))
    assert visible(printer).count("\n") == 11
    assert "training 50 % 1.5 nats" in visible(printer)


def test_a_dumb_terminal_gets_no_escape_sequences(new_printer):
    printer = new_printer(colours=-1)
    renderer = Renderer(printer)
    for event in (
        Notice("a"),
        Text("b", ((0, 1),)),
        Table(("c",), ((1,),)),
        Branches((Branch("main", 1, True),)),
        Progress(1, 2),
    ):
        renderer.draw(event)
    assert "\x1b" not in printer.stream.getvalue()


def test_what_a_hook_shows_is_drawn_as_its_event(drawn):
    for event in (Text("hello"), Notice("hello"), Table(("a",), ((1,),))):
        assert drawn(HookOutput("log", "seqshell_turn", event)) == drawn(event)
