"""A line that fails in a plugin: who is named, and where the session is. tests/campaigns/plugins.py tries many more."""

import asyncio
import dataclasses
import signal
import sys
from types import ModuleType

import numpy as np
import pytest

import seqshell
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Finished, LineFinished, Notice, Quit, Text, Token
from seqshell.core.signal_handlers import SignalHandlers
from seqshell.shell.plugin_commands import signed
from seqshell.testing import shell_for, tiny_model


@dataclasses.dataclass(frozen=True)
class Faulty:
    """A sampler that fails at a position."""

    name = "faulty"
    position: int = 0

    def __call__(self, logits, context):
        if context.position >= self.position:
            raise GeneratorExit
        return logits


@dataclasses.dataclass(frozen=True)
class Endless:
    """A strategy that continues after its generator was closed."""

    name = "endless"
    streams = True

    def search(self, decoder, start, request):
        outputs, state = start.outputs, start.state
        for _ in range(4):
            tokens = outputs.argmax(1)
            outputs, state = decoder.step(tokens, state)
            try:
                yield seqshell.Advanced(tokens, state, outputs, start.memories)
            except GeneratorExit:
                yield None


@pytest.fixture
def open_shell():
    """A function: a shell with a command /faulty that runs `body(shell)`, and a hook for tokens."""

    def opened(body=lambda shell: (), hook=lambda session: None):
        @seqshell.command("faulty")
        def faulty(shell, arguments):
            yield from body(shell)

        module = ModuleType("zoo")
        module.seqshell_commands = seqshell.hookimpl(lambda: [faulty], specname="seqshell_commands")
        module.seqshell_samplers = seqshell.hookimpl(lambda: [Faulty], specname="seqshell_samplers")
        module.seqshell_strategies = seqshell.hookimpl(lambda: [Endless], specname="seqshell_strategies")
        module.seqshell_token = seqshell.hookimpl(lambda session: hook(session), specname="seqshell_token")
        shell = shell_for(tiny_model(), plugins=[module])
        for line in ("/set max_tokens 6", "abc", "/branch side", "bca", "/undo", "/checkout main"):
            list(shell.handle(line))
        return shell

    return opened


def place(shell):
    session = shell.session
    found = [(branch.name, branch.position, session.text(branch.name).text) for branch in session.branches()]
    return session.text().text, session.position, session.branch, found, session.seed, session.chain


def fail(shell, line):
    """The events of a line that fails, and its message."""
    events = []
    with pytest.raises(PluginError) as caught:
        events.extend(shell.run(line))
    return events, caught.value.message


CHANGES = {
    "feeds": lambda session: session.feed("cab"),
    "undoes": lambda session: session.undo(),
    "resets": lambda session: session.reset(),
    "branches off": lambda session: session.branch_off("mine"),
    "drops a branch": lambda session: session.drop("side"),
    "checks out": lambda session: session.checkout("side"),
    "generates": lambda session: list(session.generate(3)),
    "regenerates": lambda session: list(session.regenerate(2)),
    "sets the seed": lambda session: session.set_seed(7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_failing_command_leaves_the_session_as_it_was(change, open_shell):
    def body(shell):
        CHANGES[change](shell.session)
        yield Text("half")
        raise asyncio.CancelledError

    shell, other = open_shell(body), open_shell()
    before = place(shell)
    events, message = fail(shell, "/faulty")

    assert message == "/faulty of the plugin zoo failed: CancelledError"
    assert place(shell) == before
    assert not next(event for event in events if isinstance(event, LineFinished)).changed
    for line in ("/checkout side", "/redo", "a", "/regen 2"):  # and so is what can be redone
        assert [*shell.handle(line)] == [*other.handle(line)]


def test_tokens_that_a_failing_command_has_shown_are_kept(open_shell):
    def body(shell):
        yield from shell.session.generate(3)
        raise OSError("disk")

    shell = open_shell(body)
    position = shell.session.position
    events, _ = fail(shell, "/faulty")

    assert sum(isinstance(event, Token) for event in events) == 3
    assert shell.session.position == position + 3
    list(shell.handle("/undo"))
    assert shell.session.position == position


def test_a_message_that_fails_before_its_first_token_is_not_read(open_shell):
    shell, other = open_shell(), open_shell()
    list(shell.handle("/sampler faulty"))
    before = place(shell)
    _, message = fail(shell, "cab")

    assert message == "the sampler faulty of tests failed: GeneratorExit"
    assert place(shell) == before
    list(shell.handle("/sampler none"))
    list(other.handle("/sampler none"))
    assert [*shell.handle("cab")] == [*other.handle("cab")]


def test_a_strategy_that_does_not_end_is_named_after_its_answer(open_shell):
    shell = open_shell()
    list(shell.handle("/set max_tokens 2"))
    list(shell.handle("/strategy endless"))
    position = shell.session.position
    events, message = fail(shell, "a")

    assert message == "the strategy endless of tests failed: RuntimeError: generator ignored GeneratorExit"
    assert [event.stop for event in events if isinstance(event, Finished)] == ["error"]
    assert shell.session.position == position + 3


@pytest.mark.parametrize("change", [*CHANGES, "begins a turn", "sets the chain"])
def test_a_hook_for_tokens_cannot_change_the_session(change, open_shell):
    def hook(session):
        more = {"begins a turn": session.begin_turn, "sets the chain": lambda: setattr(session, "chain", ())}
        more.get(change, lambda: CHANGES[change](session))()

    armed = []
    faulty, other = open_shell(hook=lambda session: armed and hook(session)), open_shell()
    armed.append(True)
    events, expected = [*faulty.handle("cab")], [*other.handle("cab")]

    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice.startswith("the plugin zoo: seqshell_token failed: a hook for tokens must not change the session")
    assert [event for event in events if not isinstance(event, Notice)] == expected
    assert place(faulty) == place(other)


@pytest.mark.parametrize(
    "name", ["position", "here", "model", "behaviour", "guard", "feed", "undo", "branch", "_cursor", "chain"]
)
def test_the_parts_of_a_session_cannot_be_replaced(name, open_shell):
    shell = open_shell()
    before = place(shell)
    with pytest.raises((AttributeError, TypeError)):
        setattr(shell.session, name, 3)
    shell.session.remembered = 3

    assert (place(shell), shell.session.remembered) == (before, 3)


@pytest.mark.parametrize("name", ["registry", "settings", "workspace", "session", "handle", "run", "open"])
def test_the_parts_of_a_shell_cannot_be_replaced(name, open_shell):
    shell = open_shell()
    with pytest.raises(AttributeError):
        setattr(shell, name, None)


@pytest.mark.parametrize("handler", [None, signal.SIG_IGN])
def test_a_ctrl_c_that_nobody_typed_is_an_error_of_the_plugin(handler, open_shell):
    def body(shell):
        yield Text("a")
        raise KeyboardInterrupt

    shell = open_shell(body)
    before = signal.getsignal(signal.SIGINT)
    handlers = SignalHandlers({signal.SIGINT: signal.default_int_handler})
    signal.signal(signal.SIGINT, handler) if handler else handlers.install()
    try:
        _, message = fail(shell, "/faulty")
    finally:
        handlers.restore()
        signal.signal(signal.SIGINT, before)

    assert message == "/faulty of the plugin zoo failed: KeyboardInterrupt"
    assert shell.take_notices() == ()


@pytest.mark.parametrize("code", [256, -1, 300, True, None, "3", 1.0, np.int64(3)])
def test_an_exit_code_is_a_whole_number_from_0_to_255(code):
    with pytest.raises(ValueError, match=r"^the exit code must be a whole number from 0 to 255, not"):
        Quit(code)
    assert (Quit(0).code, Quit(255).code) == (0, 255)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (seqshell.Text(3), "TypeError: the text of a Text must be a str, not int"),
        (Token("a", "b"), "TypeError: the id of a Token must be an int, not str"),
        (LineFinished(True), "TypeError: it yields a LineFinished, which only the shell does"),
    ],
)
def test_an_event_that_cannot_be_shown_names_the_plugin(event, message, open_shell):
    _, failed = fail(open_shell(lambda shell: [event]), "/faulty")
    assert failed == f"/faulty of the plugin zoo failed: {message}"


def test_a_lowered_recursion_limit_is_restored(open_shell):
    limit = sys.getrecursionlimit()

    def body(shell):
        sys.setrecursionlimit(limit - 1)
        yield Text("a")

    _, message = fail(open_shell(body), "/faulty")
    assert message == f"/faulty of the plugin zoo lowered the recursion limit to {limit - 1}; this was undone"
    assert sys.getrecursionlimit() == limit


def test_an_argument_of_a_wrong_type_names_the_plugin(open_shell):
    def body(shell):
        shell.session.undo("x")
        yield Text("a")

    _, message = fail(open_shell(body), "/faulty")
    assert message == "/faulty of the plugin zoo failed: undo: turns must be a whole number, not 'x'"


def test_an_error_for_the_user_passes_unchanged(open_shell):
    def body(shell):
        raise UsageError("no such poem")

    with pytest.raises(UsageError, match=r"^no such poem$"):
        list(open_shell(body).handle("/faulty"))


def test_a_fault_that_does_not_name_its_plugin_is_signed_with_it_and_keeps_its_hint(open_shell):
    """A model is known by its own name. What remains is said once."""
    registry = open_shell().registry
    fault = PluginError("the model a returned NaN", plugin="zoo", hint="undo it", remains="all is kept")
    found = signed(fault, registry)

    assert (found.message, found.hint) == ("the plugin zoo: the model a returned NaN", "all is kept; undo it")
    assert signed(found, registry).message == found.message
