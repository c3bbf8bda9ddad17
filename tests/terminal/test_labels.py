"""Labels on the screen: bars, the colours of an explanation or the marks in their place, lines of files, and the belief while typing."""

import io
import re
import threading

import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from seqshell.core.events import Label, Notice
from seqshell.models.summary import title
from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.greeting import greeting
from seqshell.terminal.line_runner import Answering
from seqshell.terminal.live_label import IncrementalReader, format_labels, typed_text
from seqshell.terminal.printer import Printer
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.renderer import Drawing
from seqshell.terminal.signals import Signals
from seqshell.terminal.toolbar import fit, toolbar_parts
from seqshell.testing import tiny_classification_model, tiny_model
from seqshell.testing.shell import shell_for

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
PROBS = (("Japanese", 0.9), ("Italian", 0.06), ("Polish", 0.02), ("Czech", 0.012), ("Irish", 0.005), ("Dutch", 0.003))
MOVED = (("Y", 2.0), ("a", 0.05), ("m", -1.0), ("a", 0.5), ("moto", -2.0))


class Screen(io.StringIO):
    encoding = "utf-8"


def printer(colours=0, width=80):
    return Printer(Screen(), colours=colours, width=lambda: width)


def drawn(event, **wanted):
    on = printer(**wanted)
    Drawing(on).draw(event)
    return re.sub(r" +$", "", CONTROL.sub("", on.stream.getvalue()), flags=re.MULTILINE)


def test_likely_labels_have_bars_and_the_others_a_sum():
    assert drawn(Label("Yamamoto", "Japanese", PROBS), width=40) == (
        "Japanese   90.0%  ██████████████████▉\n"
        "Italian    6.00%  █▎\n"
        "Polish     2.00%  ▍\n"
        "Czech      1.20%  ▎\n"
        "2 others   0.80%\n"
    )


def test_bars_are_plain_where_the_terminal_knows_nothing():
    assert drawn(Label("x", "pos", (("pos", 0.75), ("neg", 0.25))), width=30, colours=-1) == (
        "pos   75.0%  ############\nneg   25.0%  ####\n"
    )


def test_of_two_labels_both_are_shown_however_unlikely_one_is():
    assert drawn(Label("x", "pos", (("pos", 0.9999), ("neg", 0.0001))), width=30).splitlines()[1] == "neg   0.01%"


def test_a_blank_text_has_nothing_to_label():
    assert drawn(Label(" ", "", ())) == "no text to classify\n"


def test_an_explanation_has_marks_where_there_are_no_colours():
    assert drawn(Label("Yamamoto", "Japanese", PROBS[:1], MOVED), width=60).splitlines()[:3] == [
        "Yamamoto",
        "9 e3i",
        "for Japanese 1 to 9, against a to i · strongest: Y +2.00 log-odds",
    ]


def test_an_explanation_has_colours_where_there_are_some():
    on = printer(colours=256)
    Drawing(on).draw(Label("Yamamoto", "Japanese", PROBS[:1], MOVED))
    first = on.stream.getvalue().split("\n")[0]
    assert first == "\x1b[1;38;5;34mY\x1b[0ma\x1b[38;5;167mm\x1b[0m\x1b[38;5;108ma\x1b[0m\x1b[1;38;5;160mmoto\x1b[0m"
    assert "against" in on.stream.getvalue()


@pytest.mark.parametrize("width", [20, 33, 80])
def test_a_long_explanation_is_wrapped_with_its_marks(width):
    words = [(f" word{number}", (-1) ** number * (number + 1.0)) for number in range(30)]
    lines = drawn(Label("x", "a", (("a", 0.5), ("b", 0.5)), tuple(words)), width=width).splitlines()
    text = "".join(line for line in lines if "word" in line and "strongest" not in line)

    assert text.replace(" ", "") == "".join(word for word, _ in words).replace(" ", "")
    assert max(len(line) for line in lines if "strongest" not in line) < width


@pytest.mark.parametrize(
    ("left_out", "text", "remark"),
    [
        ((95, 5), "Yamamoto ...", "the text is too long: the last 95 of 100 tokens were skipped"),
        ((95, 0), " ... Yamamoto", "the text is too long: the first 95 of 100 tokens were skipped"),
        ((95, 2), "Ya ... mamoto", "the text is too long: after the first 2, 95 of 100 tokens were skipped"),
    ],
)
def test_what_is_left_out_of_a_long_text_is_told(left_out, text, remark):
    label = Label("Yamamoto", "Japanese", PROBS, MOVED, end=5, left_out=left_out)
    for colours in (0, 256):
        lines = drawn(label, colours=colours).splitlines()
        assert (lines[0], lines[-1]) == (text, remark)


def test_a_wide_character_keeps_the_marks_in_their_columns():
    lines = drawn(
        Label("x", "a", (("a", 0.5), ("b", 0.5)), (("\u4eca", 1.0), ("\u65e5", -1.0), ("a", 1.0)))
    ).splitlines()
    assert lines[:2] == ["\u4eca\u65e5a", "9 i 9"]


def test_a_text_cannot_steer_the_terminal():
    for event in (
        Label("\x1b[2J", "\x1b[2J", (("\x1b[2J", 1.0), ("b", 0.0)), (("\x1b[2J", 1.0),)),
        Label("\x1b[2J", "a", (("a", 1.0),), item=1),
    ):
        on = printer()
        Drawing(on).draw(event)
        assert "\x1b[2J" not in on.stream.getvalue()


def test_lines_of_a_file_are_one_line_each():
    event = Label("Yamamoto\tand a name that is far too long for the window", "Japanese", PROBS, item=3)
    assert drawn(event, width=40) == "Japanese   90.0%  Yamamoto and a name…\n"
    assert drawn(Label("", "", (), item=4)) == "\n"


def test_the_first_labels_have_a_remark():
    shell = shell_for(tiny_classification_model())
    shell.interactive = True
    on = printer()
    with Signals() as signals:
        answering = Answering(shell, on, signals)
        for _ in range(4):
            assert answering.answer("abc").done
        answering.answer("/classify --explain abc")
    assert on.stream.getvalue().count("/classify --explain TEXT shows why, /undo goes back") == 3


def test_the_greeting_tells_how_to_label():
    lines = [line for line, _ in greeting("0.1.0", "names", {"task": "classify", "examples": ["Yamamoto"]}, 80)]
    assert lines[1:] == [
        "Try  Yamamoto  then /classify --explain, /undo",
        "Each line is classified · /classify --explain TEXT: why · @FILE: a file · /help",
    ]


def test_the_title_tells_cell_and_accuracy():
    header = {
        "architecture": "bidirectional_classifier",
        "config": {"cell": "gru", "num_layers": 1, "hidden_size": 128},
        "tokenizer": {"name": "char"},
        "parameters": 200_000,
        "provenance": {"metrics": {"accuracy": 0.8613, "macro_recall": 0.58}},
    }
    assert (
        title("names", header)
        == "names: character bidirectional GRU classifier 1x128, 200.0k parameters, accuracy 86.1%"
    )


# While typing


def never():
    return False


def test_a_line_is_believed_what_its_answer_will_be():
    shell = shell_for(tiny_classification_model())
    session = shell.session
    reading = IncrementalReader(session)
    for text in ("a", "ab", "abc", "ab", "", "hab", "hab g"):
        found = reading.read(text, never)
        assert session.position == 0
        assert found == (format_labels(shell_for(session.model).session.classify(text).probs) if text else ())


def test_only_new_letters_are_read(monkeypatch):
    session = shell_for(tiny_classification_model()).session
    reading, read = IncrementalReader(session), []
    step = session.decoder.step
    monkeypatch.setattr(
        session.decoder, "step", lambda inputs, state: read.append(int(inputs[0])) or step(inputs, state)
    )
    for text in ("abc", "abcd", "abc", "abx"):
        reading.read(text, never)
    ids = session.model.tokenizer.encode
    assert read == [*ids("abc"), *ids("d"), session.model.tokenizer.unk]


def test_nothing_is_believed_of_what_cannot_be_read_or_is_not_waited_for():
    reading = IncrementalReader(shell_for(tiny_classification_model()).session)
    assert reading.read("\u4e00", never) == ()
    assert reading.read("a" * 3000, never) == ()
    assert reading.read("abc", lambda: True) is None


def test_the_second_label_is_told_where_it_is_near():
    assert format_labels((("Czech", 0.51), ("Polish", 0.44), ("Irish", 0.05))) == ("Czech 51%", "Polish 44%")
    assert format_labels((("Japanese", 0.97), ("Italian", 0.03))) == ("Japanese 97%",)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Yama", "Yama"),
        ("//x", "/x"),
        ("/classify  Yama", "Yama"),
        ("/classify --explain Yama", "Yama"),
        ("/classify -m x Y", ""),
        ("/classify @f", ""),
        ("/undo", ""),
        ('"""\nab', "ab"),
        ("", ""),
    ],
)
def test_the_text_of_a_line_that_is_typed(line, text):
    assert typed_text(line) == text


@pytest.fixture
def keyboard():
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def prompt(keyboard, shell, get_shell=None):
    return Prompt(
        get_shell=get_shell or (lambda: shell),
        history=InMemoryHistory(),
        completer=ShellCompleter(lambda: shell),
        toolbar=lambda: list(toolbar_parts(shell)),
        input=keyboard,
        output=DummyOutput(),
    )


def believed(asked, keyboard, text, seconds=5.0):
    """What the toolbar shows of a typed text, before it is sent."""
    late = threading.Timer(seconds, lambda: keyboard.send_text("\r"))
    late.start()
    seen = []

    def look(application):
        if asked.live_label.labels and late.is_alive() and not seen:
            seen.append(asked.live_label.labels)
            late.cancel()
            keyboard.send_text("\r")

    asked.application.after_render += look
    keyboard.send_text(text)
    assert asked.ask() == text
    late.cancel()
    return seen


def test_the_toolbar_tells_what_is_believed_while_a_line_is_typed(keyboard):
    shell = shell_for(tiny_classification_model())
    asked = prompt(keyboard, shell)
    expected = format_labels(shell_for(shell.session.model).session.classify("abc").probs)

    assert believed(asked, keyboard, "abc") == [expected]
    assert asked.live_label.labels is None
    assert list(toolbar_parts(shell, 0.0, expected)) == ["tiny", *expected, "main at 0"]


def test_what_was_typed_before_the_model_was_there_is_believed_once_it_is(keyboard):
    shell, standing = shell_for(tiny_classification_model()), []
    asked = prompt(keyboard, shell, lambda: standing[0] if standing else None)
    expected = format_labels(shell_for(shell.session.model).session.classify("abc").probs)

    def stand():
        standing.append(shell)
        asked.live_label.refresh()

    threading.Timer(0.3, stand).start()
    assert believed(asked, keyboard, "abc") == [expected]


def test_a_belief_does_not_outlive_the_letters_it_was_of(keyboard):
    """What is typed in their place cannot be read, and the toolbar says neither what was believed of them nor of the last message."""
    shell = shell_for(tiny_classification_model())
    list(shell.handle("hab"))
    asked = prompt(keyboard, shell)
    late = threading.Timer(5.0, lambda: keyboard.send_text("\r"))
    late.start()
    seen = []

    def look(application):
        if asked.live_label.labels and not seen:
            seen.append(asked.live_label.labels)
            keyboard.send_text("\x7f" * 3 + "\u4e00")
        elif asked.live_label.labels == () and len(seen) == 1:
            seen.append(list(toolbar_parts(shell, 0.0, asked.live_label.labels)))
            late.cancel()
            keyboard.send_text("\r")

    asked.application.after_render += look
    keyboard.send_text("abc")
    assert asked.ask() == "\u4e00"
    late.cancel()
    assert seen[1:] == [["tiny", "main at 3"]]


def test_in_a_narrow_window_the_likeliest_label_stays_longest():
    parts = ["sentiment", "negative 52%", "positive 48%", "main at 0"]
    assert fit(parts, 40) == "sentiment \u00b7 negative 52% \u00b7 positive 48%"
    assert fit(parts, 30) == "sentiment \u00b7 negative 52%"


@pytest.mark.parametrize("model", [tiny_classification_model(causal=False), tiny_model()], ids=["whole", "generates"])
def test_nothing_is_told_of_models_that_have_no_belief_on_the_way(keyboard, model):
    shell = shell_for(model)
    shell.settings.set("suggest", "off")
    assert believed(prompt(keyboard, shell), keyboard, "abc", 0.1) == []


def test_the_toolbar_tells_what_is_believed_here():
    shell = shell_for(tiny_classification_model())
    assert list(toolbar_parts(shell)) == ["tiny", "main at 0"]
    (label,) = [event for event in shell.handle("abc") if not isinstance(event, Notice)]
    assert list(toolbar_parts(shell)) == ["tiny", *format_labels(label.probs), "main at 3"]
