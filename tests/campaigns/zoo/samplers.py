"""Faulty samplers and strategies."""

from __future__ import annotations

from tests.campaigns.zoo.faulty import RAISES, Faulty, indented

SAMPLER = """
{before}
@dataclasses.dataclass(frozen=True)
class Faulty:
    name = "faulty"
{fields}
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
    streams = {streams}
    def search(self, decoder, start, request):
        outputs, state = start.outputs, start.state
{body}
@seqshell.hookimpl
def seqshell_strategies():
    yield Faulty
"""
STEP = "outputs, state = decoder.step(outputs.argmax(1), state)\n"
ADVANCED = "seqshell.Advanced(np.array([3]), state, outputs, start.memories)"


def sampler(body: str, message: str, fields: str = "", before: str = "") -> Faulty:
    """A plugin with a sampler that fails at the first token."""
    source = SAMPLER.format(body=indented(body, 8), fields=indented(fields), before=before)
    return Faulty(source, f"the sampler faulty of the plugin broken .*{message}", ("/sampler faulty", "cab"))


def refused(fields: str, message: str, before: str = "") -> Faulty:
    """A plugin with a sampler that is not registered."""
    source = SAMPLER.format(body=indented("return logits", 8), fields=indented(fields), before=before)
    return Faulty(source, f"the plugin broken .*{message}", is_loaded=False, code=0)


def strategy(body: str, message: str, streams: bool = True) -> Faulty:
    """A plugin with a strategy that fails."""
    source = STRATEGY.format(body=indented(body, 8), streams=streams)
    what = (
        "the strategy faulty of the plugin broken .*"
        if message.startswith(("fail", "return", "yield"))
        else "plugin broken.*"
    )
    return Faulty(source, what + message, ("/strategy faulty", "cab"))


RESULTS = {  # what a sampler returns, and what is reported
    "None": "returned NoneType",
    "3": "returned int",
    "list(logits)": "returned list",
    "logits - np.inf": "left no token",
    "logits * np.nan": "returned NaN",
    "logits + np.inf": "returned inf",
    "logits[:-1]": "returned the shape",
    "logits[None]": "returned the shape",
    "logits.astype(object)": "returned an array of object",
    "logits + 1j": "returned an array of complex128",
    "logits > 0": "returned an array of bool",
    "np.array('abc')": "returned an array of <U3",
}
ENDINGS = {  # how a strategy behaves when its generator is closed
    "ignores it": "while True:\n    try:\n        yield " + ADVANCED + "\n    except GeneratorExit:\n        pass",
    "raises": "try:\n    while True:\n        yield " + ADVANCED + "\nfinally:\n    raise Odd('end')",
}

FAULTY = {
    **{f"a sampler that raises {what}": sampler(f"raise {error}", "failed: ") for what, error in RAISES.items()},
    **{f"a sampler that returns {what}": sampler(f"return {what}", message) for what, message in RESULTS.items()},
    **{
        f"a sampler whose update raises {what}": sampler(
            "return logits",
            "failed in update: ",
            f"def update(self, memory, token, log_probs):\n    raise {error}",
        )
        for what, error in RAISES.items()
    },
    "a sampler that fails from the third token on": Faulty(
        SAMPLER.format(
            before="", fields="", body="        if context.generated > 18: raise Odd('late')\n        return logits"
        ),
        "the sampler faulty of the plugin broken .* failed: Odd: late",
        ("/sampler faulty", "cab", "cab", "cab"),
        moves=True,
    ),
    "a sampler that needs memory without end": sampler("return np.zeros(2**60)", "failed: "),
    "a sampler that recurses": sampler("return self(logits, context)", "failed: RecursionError"),
    "a sampler that is not a pure function": Faulty(
        SAMPLER.format(
            before="calls = []",
            fields="",
            body="        calls.append(1)\n        if len(calls) == 1: raise Odd('once')\n        return logits",
        ),
        "one of its samplers is not a pure function|the sampler faulty",
        ("/sampler faulty", "cab"),
    ),
    "a sampler that empties the environment": Faulty(
        SAMPLER.format(before="", fields="", body="        os.environ.clear()\n        return logits"),
        "the plugin broken .* removed .* from the environment; this was undone",
        ("/sampler faulty", "cab"),
        moves=True,
    ),
    "a sampler that lowers the recursion limit": Faulty(
        SAMPLER.format(before="", fields="", body="        sys.setrecursionlimit(150)\n        return logits"),
        "the plugin broken .* lowered the recursion limit to 150",
        ("/sampler faulty", "cab"),
        moves=True,
    ),
    "a sampler with an annotation that does not resolve": refused("k: 'Missing' = 3", "NameError: .*Missing"),
    "a strategy with an annotation that does not resolve": Faulty(
        STRATEGY.format(streams="True\n    k: 'Missing.Name' = 3", body=indented("yield", 8)),
        "the plugin broken .*NameError: .*Missing",
        is_loaded=False,
        code=0,
    ),
    "a sampler with an unknown stage": refused("stage = 'first'", "declares the stage 'first'"),
    "a sampler whose stage raises": refused(
        "", "invalid offer", "class Meta(type):\n    @property\n    def stage(cls): raise Odd('stage')"
    ).__class__(
        SAMPLER.replace("class Faulty:", "class Faulty(metaclass=Meta):").format(
            before="class Meta(type):\n    @property\n    def stage(cls): raise Odd('stage')",
            fields="",
            body="        return logits",
        ),
        "the plugin broken .*has an invalid offer: Odd: stage",
        is_loaded=False,
        code=0,
    ),
    "a sampler that cannot be built": sampler("return logits", ".*").__class__(
        SAMPLER.format(
            before="", fields="    def __post_init__(self):\n        raise Odd('built')", body="        return logits"
        ),
        "broken.*Odd: built",
        ("/sampler faulty",),
    ),
    **{
        f"a strategy that raises {what}": strategy(f"raise {error}\nyield", "failed: ")
        for what, error in RAISES.items()
    },
    **{
        f"a strategy that starts and raises {what}": Faulty(
            STRATEGY.format(streams=True, body=indented(f"{STEP}yield {ADVANCED}\nraise {error}", 8)),
            "the strategy faulty of the plugin broken .* failed: ",
            ("/strategy faulty", "cab"),
            moves=True,
        )
        for what, error in RAISES.items()
    },
    **{
        f"a strategy that, when it is stopped, {what}": Faulty(
            STRATEGY.format(streams=True, body=indented(f"{STEP}{body}", 8)),
            "the strategy faulty of the plugin broken .* failed: ",
            ("/strategy faulty", "cab"),
            moves=True,
        )
        for what, body in ENDINGS.items()
    },
    "a strategy that returns nothing": strategy("pass", "returned None; `search` must be a generator"),
    "a strategy that yields None": strategy("yield None", "yielded None; it must yield an Advanced"),
    "a strategy that yields a number": strategy("yield 3", "yielded an int; it must yield an Advanced"),
    "a strategy that chooses an unknown id": strategy(
        f"{STEP}yield {ADVANCED.replace('3', '99')}", "yielded the id 99; each id must be in the vocabulary"
    ),
    "a strategy that chooses text": strategy(f"{STEP}yield {ADVANCED.replace('[3]', 'list')}", "yielded "),
    "a strategy that forgets the outputs": strategy(f"{STEP}yield {ADVANCED.replace('outputs', 'None')}", "yielded "),
    "a strategy that forgets the memories": strategy(f"yield {ADVANCED.replace('start.memories', '()')}", "yielded "),
    "a strategy that steps with text": strategy("decoder.step('x', state)\nyield", "fail"),
    "a search that finds nothing": strategy("yield seqshell.Hypotheses(0, ())", "yielded ", streams=False),
    "a search that finds garbage": strategy("yield seqshell.Hypotheses(0, (3,))", "yielded ", streams=False),
    "a search without states": strategy(
        "yield seqshell.Hypotheses(0, (seqshell.Hypothesis((3, 4), 0.0, 0.0, (), ()),))", "yielded ", streams=False
    ),
}
