"""Plugins in a shell: the events that they receive, their commands, and what happens when they fail."""

import pytest
from tests.shell.sending import answer_to, plugin

import seqshell
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Finished, Notice, Text
from seqshell.testing import run, shell_for, tiny_model

pytestmark = pytest.mark.usefixtures("folder")


def test_plugins_receive_the_events_that_they_implement():
    calls = []
    listener = plugin(
        seqshell_session_started=lambda session: calls.append("started"),
        seqshell_model_loaded=lambda session: calls.append("loaded"),
        seqshell_token=lambda session, token: calls.append(token.text),
        seqshell_session_ended=lambda session, reason: calls.append(reason),
    )
    shell = shell_for(tiny_model(), plugins=[listener])
    list(shell.handle("/set max_tokens 2"))
    answer = answer_to(shell, "abc")
    shell.end("quit")
    assert calls == ["started", "loaded", *answer, "quit"]


def test_a_failing_hook_is_left_out_and_the_answer_continues():
    def fail(session, token):
        raise RuntimeError("no")

    shell = shell_for(tiny_model(), plugins=[plugin(seqshell_token=fail)])
    list(shell.handle("/set max_tokens 3"))
    events = list(shell.handle("abc"))
    assert [type(event).__name__ for event in events] == ["Notice", "Token", "Token", "Token", "Finished"]
    assert "RuntimeError: no; the plugin is left out" in events[0].text


def test_a_failing_plugin_command_is_named_and_ends_only_its_line():
    @seqshell.command("boom")
    def boom(shell, arguments):
        """Fail after some work."""
        yield Text("so far")
        yield from shell.session.generate(2)
        raise ValueError("oops")

    shell = shell_for(tiny_model(), plugins=[plugin(seqshell_commands=lambda: [boom])])
    with pytest.raises(PluginError, match=r"/boom of the plugin .* failed: ValueError: oops") as caught:
        list(shell.handle("/boom"))
    assert 'raise ValueError("oops")' in caught.value.details
    assert shell.session.position == 2  # what is committed stays
    list(shell.handle("/undo"))
    assert shell.session.position == 0
    assert answer_to(shell, "abc")


def test_a_command_is_rejected_for_a_model_of_another_task():
    @seqshell.command("verdict", tasks=[seqshell.Task.CLASSIFY])
    def verdict(shell, arguments):
        yield Text("guilty")

    with pytest.raises(UsageError, match="/verdict is for the task classify; tiny has the task generate"):
        run(["/verdict"], model=tiny_model(), plugins=[plugin(seqshell_commands=lambda: [verdict])])


class Hanging:
    """A plugin whose command and token hook are stopped by the user."""

    __name__ = "hanging"

    @seqshell.hookimpl
    def seqshell_token(self, token):
        raise KeyboardInterrupt

    @seqshell.hookimpl
    def seqshell_commands(self):
        @seqshell.command("hang")
        def hang(shell, arguments):
            yield Text("before")
            raise KeyboardInterrupt

        yield hang


def test_ctrl_c_in_a_token_hook_ends_the_answer_and_leaves_the_plugin_out():
    shell = shell_for(tiny_model(), plugins=[Hanging()])
    events = list(shell.handle("abc"))
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert (finished.stop, finished.num_tokens) == ("interrupt", 1)
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "the plugin hanging: seqshell_token was stopped by Ctrl-C; the plugin is left out: /plugins --errors"
    ]
    assert "hang" not in shell.registry.commands
    assert answer_to(shell, "abc")


def test_ctrl_c_in_a_command_of_a_plugin_names_it_and_the_command_stays():
    shell = shell_for(tiny_model(), plugins=[Hanging()])
    with pytest.raises(KeyboardInterrupt):
        list(shell.handle("/hang"))
    assert [notice.text for notice in shell.take_notices()] == [
        "/hang of the plugin hanging was stopped by Ctrl-C; the session is as before this line"
    ]
    assert "hang" in shell.registry.commands


def test_an_error_of_a_plugin_is_kept_with_its_traceback():
    @seqshell.command("fall")
    def fall(shell, arguments):
        yield Text("before")
        raise OSError("disk")

    plugin = type("Falling", (), {"seqshell_commands": staticmethod(seqshell.hookimpl(lambda: [fall]))})
    shell = shell_for(tiny_model(), plugins=[plugin])
    for _ in range(2):
        with pytest.raises(PluginError, match="/fall of the plugin Falling failed: OSError: disk"):
            list(shell.handle("/fall"))
    (text,) = [event.text for event in shell.handle("/plugins --errors") if isinstance(event, Text)]
    assert text.count("/fall of the plugin Falling failed: OSError: disk") == 1
    assert "Traceback" in text
