"""Faulty architectures: their decoder fails when the model is opened, or in the middle of an answer."""

from __future__ import annotations

from tests.campaigns.zoo.faulty import RAISES, Faulty, indented

SOURCE = """
@dataclasses.dataclass(frozen=True)
class Config:
    vocab_size: int
{fields}
class Decoder:
    def __init__(self, config, weights):
        self.size = config.vocab_size
{init}
    def initial_state(self, batch_size=1):
{initial}
        return np.zeros((batch_size, 1), np.float32)
    def step(self, inputs, state):
        state = state + 1
        outputs = np.zeros((len(inputs), self.size), np.float32)
        outputs[:, 3] = 1
        if state.max() > 5:
            pass
{step}
        return outputs, state
    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state
def module(config):
    raise OSError("no module")
@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture("faulty", seqshell.Task.GENERATE, config=Config, model=module, decoder=Decoder)
"""
NOTHING = {"fields": "", "init": "", "initial": "", "step": ""}
OPEN, ANSWER = ("/load faulty",), ("/load faulty", "ab", "/undo", "ab", "/load letters")


def opened(message: str, **parts: str) -> Faulty:
    """A model that cannot be opened."""
    indents = {"fields": 4, "init": 8, "initial": 8, "step": 8}
    source = SOURCE.format(**NOTHING | {name: indented(text, indents[name]) for name, text in parts.items()})
    return Faulty(source, message, OPEN, model="architecture")


def answering(step: str, message: str) -> Faulty:
    """A model that fails after five tokens."""
    source = SOURCE.format(**NOTHING | {"step": indented(step, 12)})
    return Faulty(source, f"the model faulty .*{message}.*seqshell-broken", ANSWER, model="architecture")


OUTPUTS = {  # what it returns, and what is reported
    "None, state": "returned NoneType",
    "outputs[:, 1:], state": "returned outputs of the shape",
    "outputs * np.nan, state": "returned NaN",
    "outputs + np.inf, state": "returned infinite logits",
    "list(outputs), state": "returned list",
    "outputs": "failed: ValueError",
    "None": "failed: TypeError",
}

FAULTY = {
    **{f"a model that raises {what}": answering(f"raise {error}", "failed: ") for what, error in RAISES.items()},
    **{f"a model that returns {what}": answering(f"return {what}", message) for what, message in OUTPUTS.items()},
    **{
        f"a decoder that raises {what} when it is built": opened("faulty", init=f"raise {error}")
        for what, error in RAISES.items()
    },
    **{
        f"an initial state that raises {what}": opened("faulty", initial=f"raise {error}")
        for what, error in RAISES.items()
    },
    "a config that raises": opened("faulty", fields="def __post_init__(self): raise Odd('config')"),
    "a config with an annotation that does not resolve": opened("Missing", fields="size: 'Missing' = 3"),
    "a config without a field": opened("faulty", fields="").__class__(
        SOURCE.format(**NOTHING).replace("    vocab_size: int", "    other: int"), "faulty", OPEN, model="architecture"
    ),
}
