"""Faulty tokenizers: of the model `faulty`, or offered to recipes."""

from __future__ import annotations

from tests.campaigns.zoo.faulty import RAISES, Faulty, indented

SOURCE = """
class Faulty(seqshell.CharTokenizer):
    name = "faulty"
{body}
@seqshell.hookimpl
def seqshell_tokenizers():
    yield Faulty
"""
LINES = ("/load faulty", "ab", "/load letters")


def tokenizer(body: str, message: str) -> Faulty:
    """A model whose tokenizer fails when it is opened or when it reads a text."""
    return Faulty(SOURCE.format(body=indented(body)), message, LINES, model="tokenizer")


RESULTS = {  # method -> what it returns instead
    "encode": ("None", "3", "['a']", "[99]", "[-1]", "[1.5]", "'ab'"),
    "piece": ("None", "3", "'a'"),
}

FAULTY = {
    **{
        f"a tokenizer whose {method} raises {what}": tokenizer(f"def {method}(self, *given): raise {error}", "broken")
        for method in RESULTS
        for what, error in RAISES.items()
    },
    **{
        f"a tokenizer whose from_json raises {what}": tokenizer(
            f"@classmethod\ndef from_json(cls, data): raise {error}", "the tokenizer faulty cannot be read: "
        )
        for what, error in RAISES.items()
    },
    **{
        f"a tokenizer whose {method} returns {value}": tokenizer(
            f"def {method}(self, *given): return {value}",
            f"the tokenizer faulty of the plugin broken .* failed in {method}: ",
        )
        for method, values in RESULTS.items()
        for value in values
    },
    "a tokenizer of size None": tokenizer("size = None", "faulty"),
    "a tokenizer whose size raises": tokenizer("@property\ndef size(self): raise Odd('size')", "the plugin broken"),
    "a tokenizer that cannot be built": tokenizer("def __init__(self, **given): raise Odd('built')", "faulty"),
}
