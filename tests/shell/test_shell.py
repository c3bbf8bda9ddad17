"""The shell: several open models, one line at a time, and what is remembered of it."""

from dataclasses import replace

import pytest

import seqshell
from seqshell.core import paths
from seqshell.core.errors import CheckpointError, PluginError, UsageError
from seqshell.core.events import Finished, LineFinished, LineStarted, Notice, Quit, Text, Token
from seqshell.shell.line import LastResult
from seqshell.testing import run, shell_for, tiny_checkpoint, tiny_model

pytestmark = pytest.mark.usefixtures("folder")


def answer_to(shell, *lines):
    """The text of what the lines answer."""
    return "".join(event.answer for line in lines for event in shell.handle(line) if isinstance(event, Finished))


def test_a_message_is_read_and_answered():
    events = run(["/set max_tokens 4", "abc"], model=tiny_model())
    tokens = [event for event in events if isinstance(event, Token)]
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert "".join(token.text for token in tokens) == finished.answer
    assert (finished.num_tokens, finished.start, finished.end, finished.stop) == (4, 3, 7, "length")


def test_two_slashes_send_a_message_that_starts_with_one():
    shell = shell_for(tiny_model("/abc"))
    list(shell.handle("//abc"))
    assert shell.session.text().text.startswith("/abc")


def test_an_empty_line_continues_at_the_prompt_and_is_skipped_in_scripts():
    shell = shell_for(tiny_model())
    list(shell.handle("/set max_tokens 3"))
    assert list(shell.handle("")) == []
    shell.interactive = True
    assert len(answer_to(shell, "", "")) == 6
    assert next(shell.run("")) == LineStarted("/continue", 4, "", "generate")
    assert shell.history.lines == ["/set max_tokens 3", "", "", ""]


def test_an_empty_block_is_an_empty_message():
    shell = shell_for(tiny_model())
    assert list(shell.handle('""""""')) == []


@pytest.mark.parametrize("line", ["/# why", ""])
def test_comments_do_nothing_and_are_not_in_the_history(line):
    shell = shell_for(tiny_model())
    shell.interactive = line != ""
    for events in (shell.run(line), shell.handle(line)):
        assert list(events) == []
        events.close()  # a generator, as the events of every line
    assert shell.history.lines == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lod", "/load"),
        ("temp", "/set temperature 2"),
        ("temperature", "/set temperature 2"),
        ("top_p", "/set top_p 2"),
        ("model", "/load 2"),
        ("run", "/load 2"),
        ("read", "/feed @2"),
        ("edit", "Ctrl-X Ctrl-E at the prompt"),
        ("undoo", "/undo"),
        ("zzzzzz", ""),
    ],
)
def test_an_unknown_command_suggests_another(word, hint):
    shell = shell_for(tiny_model())
    with pytest.raises(UsageError, match=f"there is no command /{word}") as caught:
        list(shell.handle(f"/{word} 2"))
    assert (caught.value.code, caught.value.hint) == ("unknown_command", hint)


def test_commands_cannot_be_abbreviated():
    with pytest.raises(UsageError, match="there is no command /und"):
        run(["/und"], model=tiny_model())


def test_without_a_model_a_message_says_how_to_open_one():
    shell = shell_for()
    assert shell.task is None
    with pytest.raises(UsageError, match="no model is open; /load NAME opens one"):
        list(shell.handle("abc"))


def test_a_message_that_is_too_long_is_rejected_before_anything_changes():
    shell = shell_for(tiny_model())
    with pytest.raises(UsageError, match="a message is at most 10 MB"):
        list(shell.handle("é" * 5_000_001))
    assert shell.session.position == 0


def ending(shell, line):
    """The last event of a line, and the error that follows it."""
    events = []
    try:
        events.extend(shell.run(line))
    except seqshell.SeqshellError as error:
        return events[-1], type(error)
    return events[-1], None


def test_the_end_of_a_line_says_whether_it_changed_anything_and_whether_it_failed():
    @seqshell.command("half")
    def half(shell, arguments):
        shell.session.feed("abc")
        yield from ()
        raise UsageError("no more")

    shell = shell_for(tiny_model(), plugins=[plugin(seqshell_commands=lambda: [half])])
    assert ending(shell, "abcxyz") == (LineFinished(False, failed=True), seqshell.VocabularyError)
    assert ending(shell, "/half") == (LineFinished(False, failed=True), UsageError)
    assert ending(shell, "abc") == (LineFinished(True), None)
    assert ending(shell, "/history") == (LineFinished(False), None)


def test_lines_of_a_script_start_and_finish_within_the_line_that_runs_it(tmp_path):
    (tmp_path / "inner.seq").write_text("/feed b\n")
    (tmp_path / "outer.seq").write_text("/# comment\n/source inner.seq\n/c 1\n")
    shell = shell_for(tiny_model())
    events = list(shell.run("/source outer.seq"))
    kinds = [(event.op, event.number) if isinstance(event, LineStarted) else type(event).__name__ for event in events]
    assert kinds == [
        ("/source", 1), ("/source", 2), ("/feed", 3), "LineFinished", "LineFinished",
        ("/continue", 4), "Token", "Finished", "LineFinished", "LineFinished",
    ]  # fmt: skip
    assert shell.line is None
    assert shell.history.lines == ["/source outer.seq", "/source inner.seq", "/feed b", "/c 1"]


def test_an_abandoned_line_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.seq").write_text("abc\n")
    shell = shell_for(tiny_model())
    events = shell.run("/source a.seq")
    [next(events) for _ in range(4)]
    events.close()
    assert shell.line is None
    answer = answer_to(shell, "/continue 5")
    assert shell.last_result.text == answer


def test_one_line_is_one_turn():
    shell = shell_for(tiny_model())
    answer_to(shell, "/set max_tokens 3", "abc", "/continue 2", "ab")
    assert shell.session.position == 3 + 3 + 2 + 2 + 3
    list(shell.handle("/undo"))
    assert shell.session.position == 8
    list(shell.handle("/undo 2"))
    assert shell.session.position == 0


def test_the_last_result_is_what_a_script_prints():
    shell = shell_for(tiny_model())
    answer = answer_to(shell, "abc")
    assert shell.last_result.text == answer
    list(shell.handle("/undo"))  # prints nothing
    assert shell.last_result.text == answer
    list(shell.handle("/set max_tokens"))
    assert "max_tokens" in shell.last_result.text


def test_an_interrupt_ends_the_answer_at_a_token_boundary_and_keeps_its_tokens():
    shell = shell_for(tiny_model())
    list(shell.handle("/set max_tokens 100"))
    whole = answer_to(shell, "abc")
    list(shell.handle("/undo"))
    events = shell.handle("abc")
    first = [next(events) for _ in range(5)]
    shell.interrupt()
    *_, finished = first + list(events)
    assert (finished.stop, finished.answer) == ("interrupt", whole[: finished.num_tokens])
    assert shell.session.position == finished.end
    assert finished.answer + answer_to(shell, f"/continue {100 - finished.num_tokens}") == whole


def test_closing_the_events_stops_at_the_last_yielded_token():
    shell = shell_for(tiny_model())
    events = shell.handle("abc")
    tokens = [next(events) for _ in range(3)]
    events.close()
    assert shell.session.position == tokens[-1].position + 1 == 6


# Several models


def test_every_model_has_its_own_timeline(tmp_path):
    one = tiny_checkpoint(tmp_path / "one.safetensors")
    tiny_checkpoint(tmp_path / "two.safetensors", seed=1)
    shell = shell_for()
    shell.open(one)
    list(shell.handle("/feed abc"))
    list(shell.handle("/load ./two.safetensors"))
    assert (shell.workspace.current, shell.session.position) == ("two", 0)
    shell.open("./one.safetensors")  # it goes on where it stands
    assert (shell.workspace.current, shell.session.position, list(shell.workspace.sessions)) == (
        "one",
        3,
        ["one", "two"],
    )
    shell.workspace.close("one")
    assert (shell.workspace.current, list(shell.workspace.sessions)) == ("two", ["two"])
    shell.workspace.close("two")
    assert shell.workspace.current is None
    with pytest.raises(UsageError, match="'two' is not open; open: none"):
        shell.workspace.use("two")


def test_two_files_with_one_name_are_two_models(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        tiny_checkpoint(tmp_path / folder / "tiny.safetensors", seed=ord(folder))
    shell = shell_for()
    shell.open("a/tiny.safetensors")
    shell.open("b/tiny.safetensors")
    assert list(shell.workspace.sessions) == ["tiny", "tiny-2"]


def test_a_model_that_cannot_be_opened_changes_nothing(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    shell = shell_for(tiny_model())
    for word in ("./bad.safetensors", "nowhere"):
        with pytest.raises(CheckpointError):
            shell.open(word)
    assert (shell.workspace.current, list(shell.workspace.sessions)) == ("tiny", ["tiny"])


def test_a_saved_session_continues_with_the_same_token(tmp_path):
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    shell = shell_for()
    shell.open(path)
    list(shell.handle("abc"))
    shell.session.save(tmp_path / "saved.safetensors")
    following = answer_to(shell, "/continue 20")
    other = shell_for()
    other.open(path)
    other.workspace.restore("./saved.safetensors")
    assert list(other.workspace.sessions) == ["tiny"]
    assert answer_to(other, "/continue 20") == following
    alone = shell_for()
    alone.workspace.restore("./saved.safetensors")  # opens the model, too
    assert answer_to(alone, "/continue 20") == following


def test_only_an_interactive_session_is_saved_as_last(tmp_path):
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    last = tmp_path / "home" / "sessions" / "last.safetensors"
    for interactive, lines, kept in [
        (False, ["abc"], False),
        (True, [], False),
        (True, ["/set autosave off", "abc"], False),
        (True, ["abc"], True),
    ]:
        shell = shell_for()
        shell.interactive = interactive
        shell.open(path)
        for line in lines:
            list(shell.handle(line))
        assert dict(shell.end()) == ({"tiny": "last"} if kept else {})
        assert last.exists() == kept


@pytest.fixture
def two_models(tmp_path):
    """A shell at the prompt with the models first and second; second is current."""
    shell = shell_for()
    shell.interactive = True
    for name in ("first", "second"):
        shell.open(tiny_checkpoint(tmp_path / f"{name}.safetensors"))
        list(shell.handle("/set max_tokens 5"))
    return shell


def test_the_sessions_of_all_open_models_are_saved(two_models):
    """Each saved session continues as the session that was left."""
    shell = two_models
    for name in ("first", "second"):
        shell.workspace.use(name)
        list(shell.handle("abc"))
    assert dict(shell.end()) == {"second": "last", "first": "last-first"}
    for name, saved in (("second", "last"), ("first", "last-first")):
        again = shell_for()
        again.workspace.restore(saved)
        assert again.workspace.current == name
        assert again.session.ids() == shell.workspace.sessions[name].ids()


def test_last_is_the_session_that_answered_last_if_the_current_one_has_read_nothing(two_models, tmp_path):
    shell = two_models
    for name in ("second", "first"):
        shell.workspace.use(name)
        list(shell.handle("abc"))
    shell.open(tiny_checkpoint(tmp_path / "third.safetensors"))
    assert dict(shell.end()) == {"first": "last", "second": "last-second"}


def test_a_session_whose_text_was_undone_is_saved_with_its_redo(two_models):
    list(two_models.handle("/feed abc"))
    list(two_models.handle("/undo"))
    assert dict(two_models.end()) == {"second": "last"}
    again = shell_for()
    again.workspace.restore("last")
    list(again.handle("/redo"))
    assert again.session.text().text == "abc"


def test_a_session_that_cannot_be_saved_does_not_keep_the_others_from_it(two_models):
    shell = two_models
    for name in ("first", "second"):
        shell.workspace.use(name)
        list(shell.handle("abc"))
    (paths.home() / "sessions" / "last.safetensors").mkdir(parents=True)
    assert dict(shell.end()) == {"first": "last-first"}
    (notice,) = shell.take_notices()
    assert notice.text.startswith("the session of second could not be saved: ")


def test_names_of_saved_sessions_are_valid_and_differ(tmp_path):
    shell = shell_for()
    shell.interactive = True
    for name in ("my model", "a" * 70 + "1", "a" * 70 + "2", "current"):
        shell.workspace.add(replace(tiny_model(), name=name))
        list(shell.handle("/feed abc"))
    assert list(shell.end().values()) == ["last", f"last-{'a' * 59}", f"last-{'a' * 57}-2", "last-my-model"]


# Plugins


def plugin(**hooks):
    """A plugin object with these hooks."""
    return type("Plugin", (), {name: staticmethod(seqshell.hookimpl(function)) for name, function in hooks.items()})


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


def test_notices_between_lines_come_with_the_next_line():
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_model(), header={"defaults": {"max_tokens": -1}}))
    events = list(shell.handle("/history"))
    assert [event for event in events if isinstance(event, Notice)] == [
        Notice("tiny: max_tokens must be 1 to 1,000,000, not -1", "warning")
    ]


def test_nothing_of_a_line_runs_after_quit(tmp_path):
    (tmp_path / "a.seq").write_text("/quit 3\nabc\n")
    shell = shell_for(tiny_model())
    assert list(shell.handle("/source a.seq")) == [Quit(3)]
    assert shell.session.position == 0


def test_a_recording_omits_lines_that_failed(tmp_path):
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    shell = shell_for()
    shell.open(path)
    answer = answer_to(shell, "/set max_tokens 5", "/record a.seq", "abc\nab", "/feed ab\nc")
    with pytest.raises(seqshell.VocabularyError):
        answer_to(shell, "xyz")
    answer += answer_to(shell, "/continue")
    answer_to(shell, "/record off", "/continue")
    again = shell_for()
    assert answer_to(again, "/source a.seq") == answer
    assert "xyz" not in (tmp_path / "a.seq").read_text()


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


def test_a_line_that_ends_before_its_start_was_heard_leaves_the_last_result_as_it_was():
    """Ctrl-C may come in between."""
    result = LastResult()
    for event in (LineStarted("/text", 1, "/text", ""), Text("abc"), LineFinished(False), LineFinished(False, True)):
        result.hear(event)
    assert result.text == "abc"
