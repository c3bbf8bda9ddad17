"""The guard names the plugin for whatever its code raises; only what the host or the user stops with passes."""

import asyncio
import contextlib
import os
import signal
import sys
import warnings

import pytest

from seqshell.core.errors import CheckpointError, PluginError, UsageError
from seqshell.core.plugin_guard import OWNER, Guard, Owner, as_fault, culprit, owner_of
from seqshell.core.process_state import unchanged
from seqshell.core.signal_handlers import HostStop, SignalHandlers, UserInterrupt

OF = Owner("mine", "my-plugins")


class Silent(BaseException):
    def __str__(self):
        raise Silent


@pytest.fixture
def handled():
    """Signal handlers as in the program: Ctrl-C raises KeyboardInterrupt."""
    handlers = SignalHandlers({signal.SIGINT: signal.default_int_handler})
    handlers.install()
    yield
    handlers.restore()


@pytest.fixture
def plugin(monkeypatch):
    """A function that runs source in the module of a plugin."""

    def run(source):
        module = type(sys)("zoo_plugin")
        vars(module)[OWNER] = OF
        monkeypatch.setitem(sys.modules, "zoo_plugin", module)
        exec(source, vars(module))
        return module

    return run


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("disk"), "OSError: disk"),
        (SystemExit(300), "it called sys.exit"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (Silent(), "Silent"),
    ],
)
def test_whatever_a_plugin_raises_names_it(error, reason, handled):
    with pytest.raises(PluginError) as caught, Guard("the sampler x of mine", OF):
        raise error

    assert caught.value.message == f"the sampler x of mine failed: {reason}"
    assert (caught.value.plugin, caught.value.distribution) == ("mine", "my-plugins")
    assert caught.value.__cause__ is error


def test_what_the_host_raises_passes(handled):
    for error in (HostStop(), UserInterrupt(), UsageError("no")):
        with pytest.raises(type(error)) as caught, Guard("x", OF):
            raise error
        assert caught.value is error


def test_a_ctrl_c_that_was_typed_passes(handled):
    def typed():
        os.kill(os.getpid(), signal.SIGINT)
        signal.sigtimedwait([], 0.1)

    with pytest.raises(UserInterrupt):
        Guard("x", OF).call(typed)


def test_a_guard_may_raise_another_error():
    guard = Guard("the weights", OF, "do not fit", raises=CheckpointError)
    with pytest.raises(CheckpointError, match=r"^the weights do not fit: GeneratorExit$"), guard:
        raise GeneratorExit


def test_the_end_of_a_generator_is_guarded():
    def ignores():
        with contextlib.suppress(GeneratorExit):
            yield 1
        yield 2  # once, so that nothing is left for the garbage collector

    steps = Guard("the strategy x", OF).each(ignores())
    assert next(steps) == 1
    with pytest.raises(PluginError, match=r"^the strategy x failed: RuntimeError: generator ignored GeneratorExit$"):
        steps.close()


def test_a_generator_that_raises_GeneratorExit_itself_fails():
    def raises():
        yield 1
        raise GeneratorExit

    steps = Guard("the strategy x", OF).each(raises())
    assert next(steps) == 1
    with pytest.raises(PluginError, match=r"^the strategy x failed: GeneratorExit$"):
        next(steps)


def test_the_culprit_is_the_plugin_whose_code_ran_last(plugin):
    module = plugin("def divide():\n    return 1 / 0\ndef call(back):\n    back()\nclass C: pass")
    own = Owner("tests", builtin=False, is_plugin=False)

    def fails():
        raise ValueError

    with pytest.raises(ZeroDivisionError) as divided:
        module.divide()
    assert culprit(divided.value) == owner_of(module.C) == OF
    expected = "the plugin mine (my-plugins) failed: ZeroDivisionError: division by zero (<string>, line 2)"
    assert as_fault(divided.value).message == expected
    assert owner_of(TestOwner) == own
    assert as_fault(ValueError()) is None


class TestOwner:
    """A class of no plugin."""

    __test__ = False


CHANGES = {
    "os.environ.clear()": "removed SEQSHELL_HOME and",
    "sys.setrecursionlimit(sys.getrecursionlimit() - 1)": "lowered the recursion limit to",
    "os.chdir('/')": "changed the working folder",
    "sys.path.clear()": "removed",
    "signal.signal(signal.SIGINT, print)": "replaced the handler of SIGINT",
    "warnings.simplefilter('error')": "made warnings raise exceptions",
    "import numpy; numpy.seterr(all='raise')": "made numpy's floating-point errors raise exceptions",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_plugin_changes_of_the_process_is_undone(change, tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    monkeypatch.delenv("HOME", raising=False)

    def state():
        names = (os.environ.get("SEQSHELL_HOME"), os.environ.get("PATH"), os.getcwd(), sys.stdout, [*sys.path])
        return names, sys.getrecursionlimit(), signal.getsignal(signal.SIGINT), np.geterr()

    before = state()
    changed = pytest.raises(PluginError, match=f"^the plugin mine {CHANGES[change]}.*; this was undone$")
    with warnings.catch_warnings():
        warnings.resetwarnings()
        with changed, unchanged(Guard("the plugin mine", OF)):
            exec(f"import os, sys, signal, warnings\n{change}")
    assert state() == before


def test_a_higher_limit_and_another_stdout_are_no_fault(monkeypatch):
    monkeypatch.setenv("REMOVED", "1")
    limit = sys.getrecursionlimit()
    try:
        with unchanged(Guard("x", OF)):
            os.environ.pop("REMOVED")
            sys.stdout, out = None, sys.stdout
            sys.setrecursionlimit(limit + 1)
        assert sys.stdout is out
    finally:
        sys.setrecursionlimit(limit)
