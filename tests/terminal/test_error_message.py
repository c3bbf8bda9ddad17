"""Errors on the screen: message, carets and hint."""

from seqshell.core.errors import UsageError, VocabularyError
from seqshell.terminal.error_message import draw_error


def test_unknown_characters_are_marked_with_carets(new_printer, visible):
    printer = new_printer()
    error = VocabularyError(
        "shakespeare's vocabulary has no '2', '+' (characters 9 to 11 of your text)",
        text="What is 2+2?",
        positions=(8, 9, 10),
        hint="/set unknown skip leaves such characters out",
    )
    draw_error(printer, error, put_back=True)
    assert visible(printer) == (
        "shakespeare's vocabulary has no '2', '+' (characters 9 to 11 of your text)\n"
        "  What is 2+2?\n"
        "          ^^^\n"
        "/set unknown skip leaves such characters out; your line is back in the prompt\n"
    )


def test_carets_are_aligned_in_long_lines_with_wide_characters_and_tabs(new_printer, visible):
    printer = new_printer(width=30)
    text = "first line\n" + "x" * 100 + "日é\t!\nlast"
    draw_error(printer, VocabularyError("no", text=text, positions=(text.index("日"), text.index("!"))))
    shown, carets = visible(printer).splitlines()[1:]
    assert shown.endswith("x日é→!")
    assert [index for index, character in enumerate(carets) if character == "^"] == [
        len(shown) - 4,
        len(shown) - 3,
        len(shown),
    ]


def test_an_error_whose_hint_is_in_its_message_is_one_line(new_printer, visible):
    printer = new_printer()
    draw_error(printer, UsageError("there is no command /lod; did you mean /load?", hint="/load"), put_back=True)
    assert visible(printer) == "there is no command /lod; did you mean /load?\n"
