"""Label probabilities of a line while it is typed."""

import threading

import pytest

from seqshell.terminal.live_label import format_labels, typed_text
from seqshell.terminal.toolbar import toolbar_parts
from seqshell.testing import tiny_classification_model, tiny_model
from seqshell.testing.shell import shell_for


def labels_of_answer(model, text):
    """The labels that an answer to the text has."""
    return format_labels(shell_for(model).session.classify(text).probs)


def test_the_second_label_is_shown_unless_it_is_unlikely():
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
def test_messages_and_classify_commands_are_classified_while_typed(line, text):
    assert typed_text(line) == text


# The prompt


def labels_while_typing(prompt, keyboard, text, seconds=5.0):
    """Type a text and send it once the prompt has labels for it, at the latest after `seconds`; return the labels."""
    timer = threading.Timer(seconds, lambda: keyboard.send_text("\r"))
    timer.start()
    labels = []

    def look(application):
        if prompt.live_label.labels and timer.is_alive() and not labels:
            labels.append(prompt.live_label.labels)
            timer.cancel()
            keyboard.send_text("\r")

    prompt.application.after_render += look
    keyboard.send_text(text)
    assert prompt.ask() == text
    timer.cancel()
    return labels


def test_the_toolbar_shows_the_labels_of_the_line_being_typed(keyboard, new_prompt):
    shell = shell_for(tiny_classification_model())
    prompt = new_prompt(shell)
    expected = labels_of_answer(shell.session.model, "abc")

    assert labels_while_typing(prompt, keyboard, "abc") == [expected]
    assert prompt.live_label.labels is None
    assert list(toolbar_parts(shell, 0.0, expected)) == ["tiny", *expected, "main at 0"]


def test_a_line_typed_while_the_shell_loads_is_classified_once_it_is_loaded(keyboard, new_prompt):
    shell, loaded = shell_for(tiny_classification_model()), []
    prompt = new_prompt(shell, get_shell=lambda: loaded[0] if loaded else None)

    def finish_loading():
        loaded.append(shell)
        prompt.live_label.refresh()

    threading.Timer(0.3, finish_loading).start()
    assert labels_while_typing(prompt, keyboard, "abc") == [labels_of_answer(shell.session.model, "abc")]


def test_labels_disappear_when_the_line_becomes_unreadable(keyboard, new_prompt):
    """The toolbar then shows neither the labels of the deleted text nor those of the last message."""
    shell = shell_for(tiny_classification_model())
    list(shell.handle("hab"))
    prompt = new_prompt(shell)
    timer = threading.Timer(5.0, lambda: keyboard.send_text("\r"))
    timer.start()
    seen = []

    def look(application):
        if prompt.live_label.labels and not seen:
            seen.append(prompt.live_label.labels)
            keyboard.send_text("\x7f" * 3 + "\u4e00")
        elif prompt.live_label.labels == () and len(seen) == 1:
            seen.append(list(toolbar_parts(shell, 0.0, prompt.live_label.labels)))
            timer.cancel()
            keyboard.send_text("\r")

    prompt.application.after_render += look
    keyboard.send_text("abc")
    assert prompt.ask() == "\u4e00"
    timer.cancel()
    assert seen[1:] == [["tiny", "main at 3"]]


@pytest.mark.parametrize(
    "model", [tiny_classification_model(causal=False), tiny_model()], ids=["whole texts", "generates"]
)
def test_other_models_have_no_live_label(keyboard, new_prompt, model):
    shell = shell_for(model)
    shell.settings.set("suggest", "off")
    assert labels_while_typing(new_prompt(shell), keyboard, "abc", 0.1) == []
