"""Text from models, files and plugins cannot control the terminal."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as some

from seqshell.core.sanitize import safe

TEXT = some.text(some.characters(), max_size=40)
NASTY = some.text(
    some.sampled_from("\x1b\x9b\x9d\x90[]?;m2JHab1\r\n\t\b\x00\x07\x7f\x85\u2028\u202e\u2066\U000e0041\ud800é"),
    max_size=40,
)


def test_control_characters_become_visible_and_text_is_kept():
    assert safe("a\x1b[31mb\rc\x00\x7f") == "a^[[31mb^Mc^@^?"
    assert safe("\x9b2J\x85") == "<9b>2J<85>"
    assert safe("\u202eevil\u2069\u200f\u061c\u2028") == "<U+202E>evil<U+2069><U+200F><U+061C><U+2028>"
    assert safe("a\U000e0041\udc80") == "a<U+E0041>\ufffd"


def test_letters_of_every_script_marks_joiners_newline_and_tab_are_kept():
    text = "ROMEO:\n\tWhat, é e\u0301 नमस्ते שלום 日本 👩\u200d🚀 – “q”\u00a0x"
    assert safe(text) == text


@given(TEXT | NASTY, some.integers(0, 40))
def test_the_result_does_not_depend_on_where_a_stream_is_split(text, place):
    assert safe(text[:place]) + safe(text[place:]) == safe(text)


@given(TEXT | NASTY)
def test_safe_text_stays_the_same_and_is_valid_utf8(text):
    shown = safe(text)
    assert safe(shown) == shown
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert not any((character < " " and character not in "\n\t") or "\x7f" <= character < "\xa0" for character in shown)


@given(NASTY)
def test_a_terminal_receives_characters_and_no_commands(text):
    screen = pyte.Screen(400, 2)
    stream = pyte.Stream(screen)
    stream.feed(safe("visible" + text).replace("\n", "").replace("\t", ""))
    assert screen.display[0].startswith("visible")
    assert screen.title == ""
    assert all(cell.fg == "default" and not cell.bold for cell in screen.buffer[0].values())
