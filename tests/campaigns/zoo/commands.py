"""Faulty commands."""

from __future__ import annotations

from tests.campaigns.zoo.faulty import RAISES, Faulty, indented

SOURCE = """
@seqshell.command("faulty"{options})
def faulty(shell, arguments):
    session = shell.session
{body}
@seqshell.hookimpl
def seqshell_commands():
    yield faulty
"""


def command(body: str, message: str, before: str = "") -> Faulty:
    """A plugin with the command /faulty, which fails."""
    source = before + SOURCE.format(body=indented(body), options="")
    return Faulty(source, f"/faulty of the plugin broken .*{message}", ("/faulty",))


def refused(options: str) -> Faulty:
    """A plugin with a command that is not registered."""
    source = SOURCE.format(body=indented("yield"), options=f", {options}")
    return Faulty(source, "the plugin broken .*: seqshell_commands ", is_loaded=False, code=0)


CHANGES = {  # what a command does to the session before it fails
    "feeds": "session.feed('cab')",
    "undoes": "session.undo()",
    "rewinds": "session.rewind(1)",
    "resets": "session.reset()",
    "branches off": "session.branch_off('mine')",
    "drops a branch": "session.drop('side')",
    "checks a branch out": "session.checkout('side')",
    "generates": "list(session.generate(5))",
    "generates in part": "next(session.generate(5))",
    "regenerates": "list(session.regenerate(3))",
    "sets the seed": "session.set_seed(77)",
    "sets the chain": "session.chain = (Valid(),)",
    "runs a line": "list(shell.handle('cab'))",
}
ATTRIBUTES = (  # which it tries to overwrite
    "session.position = 3",
    "session.here = None",
    "session.branch = 'side'",
    "session.model = None",
    "session.behaviour = None",
    "session.guard = None",
    "session._cursor = None",
    "session.feed = print",
    "session.undo = None",
    "session.chain = 5",
    "session.chain = ('x',)",
    "session.strategy = 'none'",
    "session.excluded = 3",
    "session.excluded = ['a']",
    "session.snapshot_mb = 'x'",
    "session.snapshot_mb = -1",
    "session.set_seed(None)",
    "del session.model",
    "shell.settings = None",
    "shell.registry = None",
    "shell.workspace = None",
    "shell.session = None",
    "shell.handle = None",
    "shell.run = None",
    "shell.open = None",
    "del shell.registry",
)
EVENTS = {  # what it yields instead of a valid event
    "'text'": "yields a str",
    "None": "yields a NoneType",
    "seqshell.Text": "yields a type",
    "seqshell.Text(3)": "the text of a Text must be a str, not int",
    "seqshell.Text(None)": "the text of a Text must be a str, not NoneType",
    "seqshell.Notice('x', 3)": "the level of a Notice must be a str, not int",
    "seqshell.Token(3)": "the text of a Token must be a str",
    "seqshell.Token('a', 'b')": "the id of a Token must be an int",
    "seqshell.Table(('a',), (3,))": "the columns and each row",
    "seqshell.Table(3, ())": "the columns of a Table must be a tuple",
    "seqshell.Table(('a',), 'x')": "the rows of a Table must be a tuple",
    "seqshell.Progress('a', 3)": "the done of a Progress must be an int",
    "Raising()": "Odd: text",
    "Unreadable()": "Odd: json",
    "seqshell.Text(Shady())": "must be a str",
    "seqshell.core.events.LineFinished(True)": "LineFinished, which only the shell does",
    "seqshell.core.events.LineStarted('/x', 3)": "LineStarted, which only the shell does",
}
EVENT_CLASSES = """
class Raising(seqshell.Event):
    def as_text(self): raise Odd("text")
class Unreadable(seqshell.Event):
    def as_json(self): raise Odd("json")
class Shady:
    def __str__(self): raise Odd
"""
PROCESS = {  # what it does to the whole process, and what is reported
    "os.environ.clear()": "removed .* from the environment; this was undone",
    "del os.environ['SEQSHELL_HOME']": "removed SEQSHELL_HOME from the environment",
    "sys.setrecursionlimit(150)": "lowered the recursion limit to 150; this was undone",
    "signal.signal(signal.SIGINT, print)": "replaced the handler of SIGINT; this was undone",
    "signal.signal(signal.SIGINT, signal.SIG_DFL)": "replaced the handler of SIGINT",
    "sys.path.clear()": "removed .* entries of sys.path",
    "np.seterr(all='raise')": "made numpy's floating-point errors raise exceptions",
    "warnings.simplefilter('error')": "made warnings raise exceptions",
}
HARMLESS = ("sys.stdout = None", "sys.stderr = open(os.devnull, 'w')", "sys.stdout.close()", "sys.stderr.close()")

FAULTY = {
    **{f"a command that raises {what}": command(f"raise {error}", "failed: ") for what, error in RAISES.items()},
    **{
        f"a command that yields and raises {what}": command(f"yield seqshell.Text('a')\nraise {error}", "failed: ")
        for what, error in RAISES.items()
    },
    **{
        f"a command that {what} and raises": command(f"{change}\nraise OSError('disk')\nyield", "failed: OSError: disk")
        for what, change in CHANGES.items()
    },
    **{f"a command with {what}": command(f"{what}\nyield seqshell.Text('a')", "failed: ") for what in ATTRIBUTES},
    **{
        f"a command that yields {event}": command(f"yield {event}", message, EVENT_CLASSES)
        for event, message in EVENTS.items()
    },
    **{
        f"a command with {what}": command(f"{what}\nyield seqshell.Text('a')", message)
        for what, message in PROCESS.items()
    },
    **{
        f"a command that leaves with {code}": command(
            f"yield seqshell.core.events.Quit({code})", "the exit code must be"
        )
        for code in ("256", "-1", "2**40", "True", "None", "'3'", "1.0", "np.int64(3)")
    },
    **{
        f"a command with {what}": Faulty(
            SOURCE.format(body=indented(f"{what}\nyield seqshell.Text('a')"), options=""), "", ("/faulty",), code=0
        )
        for what in HARMLESS
    },
    "a command that returns nothing": command("pass", "TypeError"),
    "a command that returns a number": command("return 3", "TypeError"),
    "a command that recurses": command("return faulty.run(shell, arguments)", "RecursionError"),
    "a command that runs itself": command("yield from shell.handle('/faulty')", "RecursionError|fail"),
    "a command that needs a missing module": command("import no_such_module\nyield", "ModuleNotFoundError"),
    "a command that ignores its end": command(
        "while True:\n    try:\n        yield seqshell.core.events.Quit(0)\n    except GeneratorExit:\n        pass",
        "failed: RuntimeError: generator ignored GeneratorExit",
    ),
    "a command that raises at its end": command(
        "try:\n    yield seqshell.core.events.Quit(0)\nfinally:\n    raise Odd('end')", "failed: Odd: end"
    ),
    "a command that ends the program with code 300": command("sys.exit(300)\nyield", "it called sys.exit"),
    "a command with an alias that is no text": refused("aliases=[3]"),
    "a command with a usage that is no text": refused("usage=3"),
    "a command for an unknown task": refused("tasks=['dance']"),
    "a command with an unknown option": refused("options=[3]"),
    "a command whose completion is no function": refused("complete=3"),
}
