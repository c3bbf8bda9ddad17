"""The background of the terminal: where it is known from, and colours that are readable on it (WCAG 2.1)."""

import re

import pytest

from seqshell.core.colours import PAGES, contrast, of_256
from seqshell.terminal.background import STYLES, Ink, background_of
from seqshell.testing import shell_for, tiny_model

BACKGROUNDS = ("dark", "light", "")
GRAPHICS = {"bar"}  # 3 is enough for what is no text (WCAG 2.1, 1.4.11)


def colour_of(sequence):
    return of_256(int(re.fullmatch(r"38;5;(\d+)", sequence).group(1)))


@pytest.mark.parametrize(
    ("setting", "variable", "background"),
    [
        ("auto", "", ""),
        ("auto", "15;0", "dark"),
        ("auto", "0;15", "light"),
        ("auto", "0;default;7", "light"),
        ("auto", "12;8", "dark"),
        ("auto", "15;default", ""),
        ("auto", "0;²", ""),
        ("auto", "0;99", ""),
        ("dark", "0;15", "dark"),
        ("light", "", "light"),
    ],
)
def test_the_background_is_what_the_setting_says_or_else_the_terminal(setting, variable, background):
    assert background_of(setting, {"COLORFGBG": variable}) == background
    assert background_of("auto", {}) == ""


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_each_style_is_readable_on_the_background(new_printer, background):
    """On an unknown one, the best contrast with black and with white at once is 4.58, and orange has 4.46."""
    printer = new_printer(colours=256, background=background)
    least = {
        style: min(contrast(colour_of(printer.sequence(style)), page) for page in PAGES[background])
        for style in STYLES
        if printer.sequence(style) != "1"
    }
    assert {style for style, ratio in least.items() if ratio < (4.5 if background else 4.45)} <= GRAPHICS
    assert min(least.values()) >= 3


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_of_256_colours_those_of_a_scale_are_readable_on_the_background(new_printer, background):
    printer = new_printer(colours=256, background=background)
    shades = [colour_of(printer.sequence(Ink(share / 10))) for share in range(-10, 11)]
    assert min(contrast(shade, page) for shade in shades for page in PAGES[background]) >= (4.5 if background else 4.45)
    assert len({shades[index] for index in (0, 5, 10, 15, 20)}) == 5


def test_the_sixteen_colours_in_use_are_readable_in_every_theme(new_printer):
    """Yellow, green and cyan are too light on white, and blue too dark on black."""
    red, magenta, grey = "31", "35", "90"
    assert {new_printer(colours=16).sequence(style) for style in STYLES} == {red, magenta, grey, "1"}


def test_the_setting_changes_the_colours_from_the_next_line_on(new_runner, monkeypatch):
    monkeypatch.setenv("COLORFGBG", "15;0")
    runner = new_runner(shell_for(tiny_model("ab")), colours=256)
    printer = runner._printer
    assert printer.background == "dark"
    dark = printer.sequence(Ink(1))
    runner.run("/set background light")
    assert printer.background == "light"
    assert printer.sequence(Ink(1)) != dark
    runner.run("/set background auto")
    assert printer.sequence(Ink(1)) == dark


def test_the_prompt_has_the_colours_of_the_background(new_prompt, keyboard):
    backgrounds = iter(("dark", "light"))
    prompt = new_prompt(background=lambda: next(backgrounds))
    found = []
    for _ in range(2):
        keyboard.send_text("a\r")
        prompt.ask()
        found.append({name: dict(prompt.session.style.style_rules)[name] for name in ("prompt", "auto-suggestion")})
    assert found == [
        {"prompt": "#87afd7", "auto-suggestion": "#949494"},
        {"prompt": "#005faf", "auto-suggestion": "#6c6c6c"},
    ]
