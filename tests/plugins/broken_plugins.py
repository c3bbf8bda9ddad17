"""Broken plugins: the code of each, the lines that trigger its fault, and what is said."""

from dataclasses import dataclass

ACTIONS = ("start", "list", "use", "translate", "quit")
OFFERS = ("architectures", "samplers", "strategies", "tokenizers", "commands", "importers", "checkpoints")
EVENTS = {
    "session_started": "session",
    "session_ended": "session, reason",
    "model_loaded": "session",
    "token": "session, token",
}
HOOK = "@seqshell.hookimpl\ndef seqshell_{hook}({arguments}):\n    {body}\n"
COMMAND = """
@seqshell.command("faulty")
def faulty(shell, arguments):
    {body}
@seqshell.hookimpl
def seqshell_commands():
    yield faulty
"""
SAMPLER = """
@dataclasses.dataclass(frozen=True)
class Faulty:
    name = "faulty"
    def __call__(self, logits, context):
        {body}
@seqshell.hookimpl
def seqshell_samplers():
    yield Faulty
"""
STRATEGY = """
@dataclasses.dataclass(frozen=True)
class Faulty:
    name = "faulty"
    streams = True
    def search(self, decoder, start, request):
        {body}
@seqshell.hookimpl
def seqshell_strategies():
    yield Faulty
"""


@dataclass(frozen=True)
class BrokenPlugin:
    """A broken plugin. message: a pattern of the expected message; lines: the input that triggers the fault."""

    source: str
    message: str
    is_loaded: bool = False  # it is loaded and listed in spite of its fault
    lines: tuple[str, ...] = ()
    target: str = "broken"  # of its entry point
    entry_point: str = "broken"
    twin: str = ""  # if not empty, the entry point of a second distribution with the same source


def hook(name, body, arguments=""):
    return HOOK.format(hook=name, arguments=arguments, body=body)


BROKEN_PLUGINS = {
    "raises on import": BrokenPlugin("raise RuntimeError('no')", "the import failed: RuntimeError: no"),
    "calls sys.exit on import": BrokenPlugin("import sys; sys.exit(3)", "it called sys.exit"),
    "does not parse": BrokenPlugin("def", "SyntaxError"),
    "contains a null byte": BrokenPlugin("\0", "null bytes"),
    "imports a missing module": BrokenPlugin("import no_such_thing", "No module named 'no_such_thing'"),
    "imports a missing name": BrokenPlugin("from seqshell import Dreams", "cannot import name 'Dreams'"),
    "has a missing module": BrokenPlugin("", "No module named 'gone'", target="gone.away"),
    "has a missing attribute": BrokenPlugin("", "has no attribute 'plugin'", target="broken:plugin"),
    "has a bad entry point": BrokenPlugin("", "is not of the form package.module:Name", target="broken; rm"),
    "has an argument too many": BrokenPlugin(
        hook("commands", "return []", "shell"),
        "invalid hooks: seqshell_commands has no argument 'shell'; it has no arguments",
    ),
    "has an argument with another name": BrokenPlugin(
        hook("training", "return []", "run, evnt"),
        "seqshell_training has no argument 'evnt'; its arguments can be run, event, settings",
    ),
    "has an unknown hook": BrokenPlugin(hook("smaplers", "return []"), "no hook is called seqshell_smaplers"),
    "needs API 2": BrokenPlugin("seqshell_api = '2'", "written for the plugin API 2, .* install seqshell>=2.0"),
    "offers None": BrokenPlugin(hook("commands", "yield None"), "its name must consist of letters"),
    "offers one name twice": BrokenPlugin(
        hook("commands", "return [seqshell.Lazy('a', 'b:c')] * 2"), "offers the command a twice"
    ),
    "never stops offering": BrokenPlugin(
        hook("commands", "while True: yield seqshell.Lazy('a', 'b:c')"), "more than 10,000 offers"
    ),
    "recurses": BrokenPlugin("def f(): f()\nf()", "RecursionError"),
    "raises an exception whose message fails": BrokenPlugin(
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "the import failed: E"
    ),
    "has the name of a built-in sampler": BrokenPlugin(
        "Valid = dataclasses.make_dataclass("
        "'Valid', [], namespace={'name': 'top_k', '__call__': Valid.__call__}, frozen=True)",
        "offers the sampler top_k, which is also built in",
        is_loaded=True,
    ),
    "has the name of a built-in command": BrokenPlugin(
        COMMAND.replace('"faulty"', '"undo"').format(body="yield seqshell.Text('mine')"),
        "offers the command undo, which is also built in",
        is_loaded=True,
    ),
    "has the entry point name of a built-in plugin": BrokenPlugin(
        "raise OSError('no')", "OSError: no", entry_point="recurrent"
    ),
    "has the entry point name of another plugin": BrokenPlugin(
        "",
        "the sampler 'valid': choose seqshell-broken.broken/valid or seqshell-twin.broken/valid",
        is_loaded=True,
        lines=("/sampler valid",),
        twin="broken",
    ),
    "offers a command of another plugin": BrokenPlugin(
        COMMAND.format(body="yield"),
        "several plugins offer /faulty: use /broken/faulty or /other/faulty",
        is_loaded=True,
        lines=("/faulty",),
        twin="other",
    ),
    "prints escape codes": BrokenPlugin(
        "print('\\x1b[2J\\x1b]0;owned\\x07'); sys.stderr.write('\\x9bA')", "printed while it was loaded", is_loaded=True
    ),
    "raises an exception with escape codes in its name": BrokenPlugin(
        "raise type('\\x1b[2J', (Exception,), {})('\\x1b[2J')", "the import failed"
    ),
    "has a hook wrapper": BrokenPlugin(
        "@seqshell.hookimpl(wrapper=True)\ndef seqshell_token():\n    yield", "is a hook wrapper"
    ),
    **{
        f"raises in {name}": BrokenPlugin(hook(name, "raise OSError('disk')"), f"seqshell_{name} failed: OSError: disk")
        for name in OFFERS
    },
    **{
        f"exits in {name}": BrokenPlugin(hook(name, "sys.exit()"), f"seqshell_{name} failed: it called sys.exit")
        for name in OFFERS
    },
    **{
        f"returns garbage from {name}": BrokenPlugin(
            hook(name, "return [object()]"), f"seqshell_{name} has an invalid offer"
        )
        for name in OFFERS
    },
    **{
        f"raises in {name}": BrokenPlugin(hook(name, "raise OSError('disk')", args), f"seqshell_{name} failed: OSError")
        for name, args in EVENTS.items()
    },
    **{
        f"exits in {name}": BrokenPlugin(hook(name, "sys.exit()", args), f"seqshell_{name} failed: it called")
        for name, args in EVENTS.items()
    },
    **{
        f"a command that {what}": BrokenPlugin(
            COMMAND.format(body=body),
            f"/faulty of the plugin broken .* failed: {message}",
            is_loaded=True,
            lines=("/faulty",),
        )
        for what, body, message in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "yield sys.exit(5)", "it called sys.exit"),
            ("returns nothing", "pass", "TypeError"),
            ("yields garbage", "yield 'text'", "TypeError: it yields a str"),
            (
                "yields an invalid Text",
                "yield seqshell.Text(3)",
                "TypeError: the text of a Text must be a str, not int",
            ),
            (
                "yields an invalid Table",
                "yield seqshell.Table(('a',), (3,))",
                "TypeError: the columns and each row",
            ),
        ]
    },
    **{
        f"a sampler that {what}": BrokenPlugin(
            SAMPLER.format(body=body),
            f"the sampler faulty .*{message}",
            is_loaded=True,
            lines=("/sampler faulty", "abc"),
        )
        for what, body, message in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "sys.exit()", "it called sys.exit"),
            ("returns nothing", "return None", "NoneType"),
            ("excludes every token", "return logits - float('inf')", "left no token"),
        ]
    },
    **{
        f"a strategy that {what}": BrokenPlugin(
            STRATEGY.format(body=body),
            f"the strategy faulty .*{message}",
            is_loaded=True,
            lines=("/strategy faulty", "abc"),
        )
        for what, body, message in [
            ("raises", "raise OSError('disk')", "OSError: disk"),
            ("exits", "yield sys.exit()", "it called sys.exit"),
        ]
    },
    "declares an unknown stage": BrokenPlugin(
        SAMPLER.format(body="return logits").replace('"faulty"', '"faulty"\n    stage = "first"'),
        "declares the stage 'first'; expected one of penalty, truncation, temperature, last",
    ),
    "a command that cannot be imported": BrokenPlugin(
        hook("commands", "yield seqshell.Lazy('faulty', 'nowhere:faulty')"),
        "nowhere:faulty cannot be imported",
        is_loaded=True,
        lines=("/faulty",),
    ),
}


# Plugins that may end the process or leave traces run in a separate process. All of these lines succeed.
SEPARATE_PROCESS = {
    "calls sys.exit on import": BROKEN_PLUGINS["calls sys.exit on import"],
    "prints escape codes": BROKEN_PLUGINS["prints escape codes"],
    "takes a second to import": BrokenPlugin(
        "time.sleep(1.2)", r"the plugin broken \(seqshell-broken\) takes more than a second to import"
    ),
    "prints escape codes when it is used": BrokenPlugin(
        COMMAND.format(body="print('\\x1b[2J')\n    yield seqshell.Text('g')"), r"\^\[\[2J", lines=("/faulty",)
    ),
}
