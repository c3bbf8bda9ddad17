"""What a line does and shows, without a keyboard: real shell, real model, a screen in memory."""

import pytest

import seqshell
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model, tiny_translation_model
from seqshell.testing.shell import shell_for


def failing_plugin(error):
    """A plugin with the command /burst, which raises an error: at once or, with an argument, after a text."""

    @seqshell.command("burst")
    def burst(shell, arguments):
        """Fail, after a while or at once."""
        if arguments.text:
            yield seqshell.Text("so far")
        raise error

    class Plugin:
        @seqshell.hookimpl
        def seqshell_commands(self):
            yield burst

    return Plugin()


@pytest.fixture
def runner(new_runner):
    """A line runner for a tiny model."""
    return new_runner(shell_for(tiny_model("\n abcdefgh"), seed=7))


@pytest.fixture
def failing_runner(new_runner):
    """Return a function that creates a line runner with a plugin whose command /burst raises an error."""

    def create(error):
        return new_runner(shell_for(tiny_model("\n abcdefgh"), plugins=(failing_plugin(error),), seed=7))

    return create


def test_a_message_is_fed_and_answered(runner, visible):
    outcome = runner.run("abc")
    assert outcome.done
    assert not outcome.put_back
    assert "stopped at 200 tokens · Enter continues" in visible(runner._printer)
    assert runner.shell.session.position == 203


def test_an_empty_line_continues_the_last_answer(runner):
    runner.run("/set max_tokens 5")
    runner.run("abc")
    runner.run("")
    assert runner.shell.session.position == 13


@pytest.mark.parametrize("line", ["", "/# a comment"])
@pytest.mark.parametrize(
    "model",
    [tiny_model, tiny_translation_model, tiny_classification_model, tiny_forecast_model],
    ids=lambda f: f.__name__,
)
def test_an_empty_line_and_a_comment_are_no_error_before_the_first_message(new_runner, visible, model, line):
    runner = new_runner(shell_for(model(), seed=7))
    runner.shell.settings.set("max_tokens", 5)
    outcome = runner.run(line)

    generates = line == "" and model is tiny_model
    assert outcome.done
    assert runner.shell.session.position == (5 if generates else 0)
    assert generates or visible(runner._printer) == ""


@pytest.mark.parametrize("line", ["What?", "//undo?", '"""\nWhat?\n"""'])
def test_a_failed_message_is_put_back(runner, visible, line):
    outcome = runner.run(line)
    assert (outcome.done, outcome.put_back) == (False, True)
    assert "your line is back in the prompt" in visible(runner._printer)
    assert runner.shell.session.position == 0


def test_a_message_that_fails_before_its_first_token_is_put_back(runner, visible):
    def broken(logits, context):
        raise GeneratorExit

    runner.shell.session.chain = (broken,)
    outcome = runner.run("abc")
    assert (outcome.done, outcome.put_back) == (False, True)
    assert "the sampler function of builtins failed: GeneratorExit" in visible(runner._printer).replace("\n", " ")
    assert runner.shell.session.position == 0


def test_a_failed_message_is_not_put_back_before_a_line_that_waits(new_runner, visible):
    runner = new_runner(shell_for(tiny_model("\n abc")), is_waiting=lambda: True)
    assert not runner.run("What?").put_back
    assert "your line is back" not in visible(runner._printer)


@pytest.mark.parametrize("line", ["/lod", "/set temperature -1", "/undo", "/close names", "/feed What?"])
def test_a_failed_command_is_not_put_back(runner, visible, line):
    outcome = runner.run(line)
    assert (outcome.done, outcome.put_back) == (False, False)
    assert "your line is back" not in visible(runner._printer)


def test_a_command_that_fails_after_it_has_shown_something_ends_with_its_error(failing_runner, visible):
    runner = failing_runner(seqshell.UsageError("no more"))
    runner.run("/burst now")
    assert visible(runner._printer).endswith("so far\nno more\n")


@pytest.mark.parametrize(
    ("word", "command"), [("exit", "/exit"), ("quit", "/quit"), ("help", "/help"), ("clear", "/clear"), ("?", "/?")]
)
def test_words_that_are_commands_in_other_programs_are_sent_with_a_note(new_runner, visible, word, command):
    runner = new_runner(shell_for(tiny_model("?xitquhelpcar"), seed=7))
    runner.run("/set max_tokens 1")
    assert runner.run(word).done
    assert f"{word} goes to the model as text; the command is {command}\n" in visible(runner._printer)
    assert runner.shell.session.position == len(word) + 1


def test_the_speed_belongs_to_the_model_that_answered(runner):
    """Another model has its own, none before its first answer; the first one's is there when one comes back."""
    runner.run("/set max_tokens 5")
    assert runner.tokens_per_second == 0
    runner.run("abc")
    first = runner.tokens_per_second
    assert first > 0
    runner.shell.workspace.add(tiny_translation_model())
    assert runner.tokens_per_second == 0
    runner.shell.workspace.use("tiny")
    assert runner.tokens_per_second == first


def test_quit_returns_its_exit_code(runner):
    assert runner.run("/quit 3").quit == 3
    assert runner.run("/quit").quit == 0


def test_an_internal_fault_is_reported_in_one_line_and_logged(runner, visible, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        error = ZeroDivisionError("by\x1b[2J zero")
        patch.setattr(type(runner.shell), "_message", lambda shell, text: (_ for _ in ()).throw(error))
        outcome = runner.run("abc")

    assert not outcome.done
    assert not outcome.put_back
    shown = visible(runner._printer).replace("\n", " ")
    assert "internal error: ZeroDivisionError: by^[[2J zero" in shown
    assert "Traceback" not in shown
    assert "ZeroDivisionError" in (tmp_path / "log").read_text()
    assert runner.run("abc").done


def test_debugging_shows_the_traceback(failing_runner, visible, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    monkeypatch.setenv("SEQSHELL_DEBUG", "1")
    runner = failing_runner(ZeroDivisionError())
    runner.run("/burst")
    assert "Traceback (most recent call last)" in visible(runner._printer)


def test_notices_of_the_shell_appear_after_the_line(runner, visible):
    runner.shell.notices.append(seqshell.Notice("peephole failed", "warning"))
    runner.run("/feed abc")
    assert visible(runner._printer).endswith("peephole failed\n")
    assert runner.shell.notices == []


def test_the_tour_returns_the_steps_of_its_script(runner):
    first = next(runner.run("/tour").steps)
    assert first.prose[0] == "A line is waiting in the prompt. Press Enter to send it; you may edit it first."
    assert first.line in ("/load shakespeare", "ROMEO:")


def test_continuing_in_the_middle_of_a_word_repeats_its_beginning(new_runner, visible):
    runner = new_runner(shell_for(tiny_model(), seed=1))
    for _ in range(20):
        runner.run("/reset")
        runner.run("/reseed ab abc")
        before = len(visible(runner._printer))
        runner.run("/continue 1")
        last = runner.shell.session.text().text[-1]
        shown = visible(runner._printer)[before:].split("▌")[0].rstrip("\n")
        assert shown == ("ab abc" if last.isalnum() else "") + last.strip("\n")
        runner.run(f"/seed {runner.shell.session.seed + 1}")


def test_a_token_of_a_plugin_does_not_repeat_the_text_of_the_session(new_runner, visible):
    @seqshell.command("say")
    def say(shell, arguments):
        """Say a word that the session does not have."""
        yield seqshell.Token("abc")

    class Plugin:
        @seqshell.hookimpl
        def seqshell_commands(self):
            yield say

    for model in (tiny_model(), None):
        runner = new_runner(shell_for(model, plugins=[Plugin()]))
        if model is not None:
            assert runner.run("/feed abc").done
        before = len(visible(runner._printer))
        assert runner.run("/say").done
        assert visible(runner._printer)[before:].rstrip("\n") == "abc"
