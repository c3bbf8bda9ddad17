"""Faulty hooks for events, and modules that cannot be used or leave traces."""

from __future__ import annotations

from tests.campaigns.zoo.faulty import RAISES, Faulty, indented

HOOK = "{before}\n@seqshell.hookimpl\ndef seqshell_{name}({arguments}):\n{body}\n"
EVENTS = {
    "session_started": "session",
    "session_ended": "session, reason",
    "model_loaded": "session",
    "token": "session, token",
}
OFFERS = ("architectures", "samplers", "strategies", "tokenizers", "commands", "importers", "checkpoints")


def hook(name: str, body: str, message: str, before: str = "") -> Faulty:
    """A plugin with a faulty hook for events; it is left out, and the line goes on."""
    source = HOOK.format(name=name, arguments=EVENTS[name], body=indented(body), before=before)
    what = f"the plugin broken .*seqshell_{name} failed: {message}"
    return Faulty(source, what, ("cab",), is_loaded=False, moves=True, code=0)


def module(source: str, message: str, *, bare: bool = True) -> Faulty:
    """A plugin that is left out while it is loaded."""
    head = "import asyncio, os, signal, sys, threading, warnings, seqshell\nclass Odd(BaseException): pass\n"
    return Faulty(head * bare + source, f"the plugin broken .*{message}", is_loaded=False, bare=bare, code=0)


def leftover(source: str, message: str, code: int = 0, lines: tuple[str, ...] = ()) -> Faulty:
    """A plugin that does something at the end of the process."""
    return Faulty(source, message, lines, program=True, code=code)


CHANGES = {  # what a hook for tokens does to the session
    "undoes": "session.undo()",
    "undoes tokens": "session.undo_tokens(1)",
    "rewinds": "session.rewind(0)",
    "redoes": "session.reset()",
    "feeds": "session.feed('b')",
    "feeds ids": "session.feed_ids([3])",
    "generates": "list(session.generate(3))",
    "responds": "list(session.respond('a', 3))",
    "regenerates": "list(session.regenerate())",
    "reseeds": "session.reseed('abc')",
    "branches off": "session.branch_off()",
    "drops a branch": "session.drop('side')",
    "sets the seed": "session.set_seed(9)",
    "begins a turn": "session.begin_turn('x')",
    "sets the chain": "session.chain = (Valid(),)",
    "sets the strategy": "session.strategy = session.strategy",
    "feeds through the behaviour": "list(session.behaviour.read([3, 4]))",
    "generates through the behaviour": "list(session.behaviour.continue_answer({'stop': ()}, 3))",
}
IMPORTS = {  # what a module does while it is imported, and what is reported
    "os.environ.clear()": "removed .* from the environment; this was undone",
    "sys.setrecursionlimit(150)": "lowered the recursion limit to 150; this was undone",
    "os.chdir('/')": "changed the working folder; this was undone",
    "sys.path.clear()": "removed .* entries of sys.path; this was undone",
    "warnings.simplefilter('error')": "made warnings raise exceptions; this was undone",
}
AT_EXIT = "import atexit\n@atexit.register\ndef at_exit():\n    {body}\n"

FAULTY = {
    **{f"{name} raises {what}": hook(name, f"raise {error}", "") for name in EVENTS for what, error in RAISES.items()},
    **{
        f"a hook for tokens that {what}": hook("token", change, "a hook for tokens must not change the session")
        for what, change in CHANGES.items()
    },
    "a hook for tokens that changes the session and says nothing": Faulty(
        HOOK.format(
            name="token",
            arguments="session, token",
            before="",
            body=indented("try:\n    session.undo()\nexcept Exception:\n    pass"),
        ),
        "",
        ("cab",),
        moves=True,
        code=0,
    ),
    "a hook for tokens that empties the environment": Faulty(
        HOOK.format(name="token", arguments="session, token", before="", body="    os.environ.clear()"),
        "the plugin broken .* removed .* from the environment; this was undone",
        ("cab",),
        is_loaded=False,
        moves=True,
    ),
    "session_started empties the environment": hook("session_started", "os.environ.clear()", "").__class__(
        HOOK.format(name="session_started", arguments="session", before="", body="    os.environ.clear()"),
        "the plugin broken .*: seqshell_session_started removed .* from the environment; this was undone",
        ("cab",),
        is_loaded=False,
        moves=True,
        code=0,
    ),
    **{
        f"the import raises {what}": module(
            f"raise {error}" if "Worse" not in error else "raise Odd", "the import failed: "
        )
        for what, error in RAISES.items()
    },
    **{
        f"{hook_name} raises {what}": module(
            HOOK.format(name=hook_name, arguments="", before="", body=f"    raise {error}"),
            f"seqshell_{hook_name} failed: ",
            bare=False,
        )
        for hook_name in OFFERS
        for what, error in RAISES.items()
        if hook_name != "samplers"
    },
    **{
        f"{hook_name} yields {value}": module(
            HOOK.format(name=hook_name, arguments="", before="", body=f"    yield {value}"),
            f"seqshell_{hook_name} has an invalid offer",
            bare=False,
        )
        for hook_name in OFFERS
        if hook_name != "samplers"
        for value in ("None", "object()", "3", "'x'")
    },
    **{f"the import with {what}": module(what, message, bare=False) for what, message in IMPORTS.items()},
    "a module whose __getattr__ raises": module("def __getattr__(name): raise Odd(name)", "it cannot be used: Odd: "),
    "a module whose __getattr__ raises, with hooks": module(
        "def __getattr__(name): raise RuntimeError(name)", "it cannot be used: RuntimeError: ", bare=False
    ),
    "a module whose __getattr__ exits": module("def __getattr__(name): sys.exit(300)", "it cannot be used: it called"),
    "a module whose __dir__ raises": module("def __dir__(): raise Odd('dir')", "Odd: dir", bare=False),
    "a module whose __dir__ lies": module("def __dir__(): return ['nothing']", "failed|cannot|invalid", bare=False),
    "a module that is not a module": module("sys.modules[__name__] = 3", "", bare=False),
    "a module that removes itself": Faulty("del sys.modules[__name__]\n", "", is_loaded=False, code=0, moves=True),
    "an attribute whose __module__ raises": module(
        "class T:\n    @property\n    def __module__(self): raise Odd('m')\nx = T()", "Odd: m", bare=False
    ),
    **{
        f"a function for the end that raises {what}": leftover(
            AT_EXIT.format(body=f"raise {error}"), "the plugin broken .* failed at the end of the process: "
        )
        for what, error in RAISES.items()
    },
    "a function for the end that prints escape codes": leftover(
        AT_EXIT.format(body="print('\\x1b[2J\\x1b]0;owned\\x07'); sys.stderr.write('\\x9bA\\n')"), r"\^\[\[2J"
    ),
    "a function for the end that does not end": leftover(
        AT_EXIT.format(body="while True: time.sleep(0.1)"),
        "the plugin broken .* does not end what it does at the end of the process",
    ),
    "a thread that does not end": leftover(
        "threading.Thread(target=lambda: [time.sleep(0.1) for _ in iter(int, 1)], name='forever').start()",
        "the plugin broken .* does not end its thread forever; seqshell ends without it",
    ),
    "a thread that does not end, after a failed line": leftover(
        "threading.Thread(target=lambda: [time.sleep(0.1) for _ in iter(int, 1)], name='forever').start()",
        "the plugin broken .* does not end its thread forever",
        code=1,
        lines=("/nonsense",),
    ),
    "a pool of threads that does not end": leftover(
        "import concurrent.futures\npool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "pool.submit(lambda: [time.sleep(0.1) for _ in iter(int, 1)])",
        "the plugin broken .* does not end its thread",
    ),
    "a thread that raises": leftover(
        "threading.Thread(target=lambda: 1 / 0, name='divides').start()",
        "the plugin broken .* failed in the thread divides: ZeroDivisionError",
    ),
    "a thread that exits": leftover(
        "class T(threading.Thread):\n    def run(self): raise Odd('thread')\nT(name='odd').start()",
        "the plugin broken .* failed in the thread odd: Odd: thread",
    ),
    "a destructor that raises": leftover(
        "class D:\n    def __del__(self): raise Odd('destructor')\nD()", "the plugin broken .* failed: Odd: destructor"
    ),
}
