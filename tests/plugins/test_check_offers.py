"""`seqshell plugins check`: each fault of a strategy, tokenizer, command or importer fails the rule about it."""

import pytest

from seqshell.cli.plugins_check import check_command

OTHERS = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import seqshell
from seqshell.core.sampling import Advanced, Hypotheses, Hypothesis

FAULT = ""

@dataclass(frozen=True)
class First:
    """Always the smallest id that is not excluded."""

    name: ClassVar[str] = "first"
    streams: ClassVar[bool] = True

    def search(self, decoder, start, request):
        outputs, state = start.outputs, start.state
        step = 0
        while FAULT != "ends early" or step < 2:
            if FAULT == "hangs":
                decoder.step(np.ones(len(outputs), np.int64), state)
                continue
            token = 0 if FAULT == "excluded" else 1
            if request.samplers and FAULT != "deaf":
                token = request.samplers[0].token
            if step < len(request.prefix) and FAULT != "no prefix":
                token = request.prefix[step]
            tokens = np.full(len(outputs), token)
            outputs, after = decoder.step(tokens, state)
            state = state if FAULT == "old state" else after
            if FAULT == "writes":
                start.outputs[:] = 0
            step += 1
            yield Advanced(tokens, state, outputs, ((),) * len(outputs))

@dataclass(frozen=True)
class Whole(First):
    """The same, without streaming."""

    name: ClassVar[str] = "whole"
    streams: ClassVar[bool] = False

    def search(self, decoder, start, request):
        rows = len(start.outputs)
        count = request.stop.max_tokens + (FAULT == "too long")
        steps = [step for step, _ in zip(super().search(decoder, start, request), range(count), strict=False)]
        for row in range(rows - (FAULT == "a row less")):
            one = slice(row, row + 1)
            ids = tuple(3 if FAULT == "stop id" else int(step.tokens[row]) for step in steps)
            states, outputs = zip(*((step.state[one], step.outputs[one]) for step in steps), strict=True)
            best = Hypothesis(ids, 0.0, 0.0, states, outputs)
            yield Hypotheses(row, (best,))

@seqshell.hookimpl
def seqshell_strategies():
    return [First, Whole]

class Letters:
    name = "letters"
    pad = bos = eos = unk = None

    def __init__(self, letters):
        self.letters = letters

    @property
    def size(self):
        return len(self.letters)

    def encode(self, text):
        if FAULT == "drops":
            return [self.letters.index(letter) for letter in text if letter != " "]
        positions = tuple(at for at, letter in enumerate(text) if letter not in self.letters)
        if positions and FAULT != "bare":
            raise seqshell.VocabularyError("the model's vocabulary has no such letter", text=text, positions=positions)
        return [self.letters.index(letter) for letter in text]

    def piece(self, token):
        return self.letters[token] if FAULT == "text" else self.letters[token].encode()

    def to_json(self):
        return {"letters": self.letters}

    @classmethod
    def from_json(cls, data):
        if FAULT != "credulous" and not isinstance(data.get("letters"), str):
            raise seqshell.CheckpointError("letters must be a text")
        return cls(data["letters"][::-1] if FAULT == "reversed" else "".join(data["letters"]))

    @classmethod
    def train(cls, texts):
        return cls("".join(sorted(set("".join(texts)))))

@seqshell.hookimpl
def seqshell_tokenizers():
    yield Letters

def echo(shell, arguments):
    """Read the text, and answer; the state moves on.

        >>> /echo be
    """
    if FAULT == "two turns":
        shell.session.feed(arguments.text)
        shell.session.begin_turn("again")
    if FAULT == "raises":
        raise KeyError("out of luck")
    while FAULT == "talks":
        yield seqshell.Notice("and on")
    yield from shell.session.respond(arguments.text)

if FAULT == "silent":
    echo.__doc__ = ""
if FAULT == "no example":
    echo.__doc__ = "Read the text."

@seqshell.hookimpl
def seqshell_commands():
    usage = "" if FAULT == "no usage" else "TEXT"
    options = [seqshell.Option("--times", "N", "how often", complete=times)] if usage else ()
    yield seqshell.command("echo", usage=usage, aliases=("e",), options=options, complete=words)(echo)

def words(shell, text):
    if FAULT == "tab moves":
        shell.session.feed("be")
    return "be" if FAULT == "tab text" else {"be": "a word"}

def times(shell, text):
    return [1, 2] if FAULT == "tab numbers" else ["1", "2"]

def reads(path, options):
    if FAULT == "json":
        import json
        json.loads(path.read_text())
    return {} if FAULT == "takes all" else None

reads.name = "reads"

@seqshell.hookimpl
def seqshell_importers():
    yield reads
'''


@pytest.mark.parametrize(
    ("fault", "rule", "seen"),
    [
        ("ends early", "it streams as long as it is read", "it ended after 2 of 6 tokens"),
        ("hangs", "it streams as long as it is read", "RuntimeError: the search does not end"),
        ("a row less", "it streams as long as it is read", "Hypotheses for rows [] instead of [0]"),
        ("excluded", "its tokens are in the vocabulary", "row 0: [0] contains the excluded id 0"),
        ("too long", "it respects stop", "row 0: 2 ids, but max_tokens is 1"),
        ("stop id", "it respects stop", "row 0: [3] contains the stop id 3"),
        ("no prefix", "answers start with the ids of request.prefix", "row 0: [1] does not start with [5]"),
        ("deaf", "it does not choose tokens that a sampler excludes", "row 0: [1], but only 4 is possible"),
        ("old state", "its states and outputs equal those of reading its tokens", "row 0, after token 1: state: "),
        ("writes", "it does not modify the batch that it starts from", "outputs"),
        ("drops", "the pieces of a text's ids join to the text", "'thecat'"),
        ("text", "its ids are 0 to size - 1, and the piece of each is bytes", "the piece of "),
        ("reversed", "to_json and from_json change nothing", "["),
        ("bare", "unknown text gives UNK or a VocabularyError", "ValueError: "),
        ("credulous", "from_json raises only CheckpointError for invalid data", "TypeError: "),
        ("silent", "its help starts with a summary line", "no help"),
        ("no example", "its help starts with a summary line", "the help has no example"),
        ("no usage", "it has a usage text", "no usage text"),
        ("raises", "its example runs on a small model and ends", "/echo of the plugin wrong failed: "),
        ("talks", "its example runs on a small model and ends", "it does not end: more than "),
        ("two turns", "it is one turn: /undo undoes all of it", "it moved from position 0 to "),
        ("tab text", "what Tab offers are words", "it returned the text 'be', not a list of words"),
        ("tab numbers", "what Tab offers are words", "1 is not a text"),
        ("tab moves", "what Tab offers are words", "it moved the session"),
        (
            "json",
            "for other files it returns None or raises a SeqshellError",
            "JSONDecodeError: ",
        ),
        (
            "takes all",
            "for other files it returns None or raises a SeqshellError",
            "it returned a dict",
        ),
    ],
)
def test_each_fault_of_another_offer_fails_its_rule(failed_rules, write_plugin, fault, rule, seen):
    failed = failed_rules(write_plugin(OTHERS, ('FAULT = ""', f'FAULT = "{fault}"')))
    assert any(name.startswith(rule) and what.startswith(seen) for name, (what, _) in failed.items()), failed


def test_valid_offers_pass(write_plugin, failed_rules):
    assert failed_rules(write_plugin(OTHERS)) == {}


def test_an_example_that_the_small_model_cannot_run_is_a_warning(write_plugin, capsys):
    assert check_command(write_plugin(OTHERS, ("/echo be", "/echo \u732b")), (), as_json=False) == 0
    assert (
        "  warning its example runs on a small model and ends\n          found: tiny's vocabulary has no "
        in capsys.readouterr().out
    )
