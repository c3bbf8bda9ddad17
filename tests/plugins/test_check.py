"""`seqshell plugins check`: each fault of a deliberately wrong plugin is told by the rule that is about it, with a small case that shows it."""

import json
import re
import subprocess
import sys

import pytest

from seqshell.cli.plugins_check import check_command
from seqshell.core.errors import UsageError

MODEL = """
import numpy as np
import torch
from dataclasses import dataclass, field
from typing import Any
from torch import nn

import seqshell

@dataclass(frozen=True)
class Config:
    vocab_size: int
    hidden_size: int = 8
    num_layers: int = 2

class Elman(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.recurrent = nn.RNN(config.hidden_size, config.hidden_size, config.num_layers, batch_first=True)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        return self.readout.weight.new_zeros(batch_size, self.config.num_layers, self.config.hidden_size)

    def forward(self, tokens, state):
        hidden, last = self.recurrent(self.embedding(tokens), state.transpose(0, 1).contiguous())
        last = last.transpose(0, 1)
        return self.readout(hidden), last

class Decoder:
    def __init__(self, config, weights):
        self.config, self.weights = config, weights

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, self.config.num_layers, self.config.hidden_size), np.float32)

    def step(self, inputs, state):
        read, layers = self.weights["embedding.weight"][inputs], []
        for layer in range(self.config.num_layers):
            ih, hh = (self.weights[f"recurrent.weight_{kind}_l{layer}"] for kind in ("ih", "hh"))
            bias = self.weights[f"recurrent.bias_ih_l{layer}"] + self.weights[f"recurrent.bias_hh_l{layer}"]
            read = np.tanh(read @ ih.T + state[:, layer] @ hh.T + bias)
            layers.append(read)
        return read @ self.weights["readout.weight"].T + self.weights["readout.bias"], np.stack(layers, 1)

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state

@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture("wrong", seqshell.Task.GENERATE, config=Config, model=Elman, decoder=Decoder)
"""

SAMPLER = """
import numpy as np
from dataclasses import dataclass
from typing import ClassVar

import seqshell

@dataclass(frozen=True)
class Wrong:
    name: ClassVar[str] = "wrong"
    k: int = seqshell.setting(3, low=0, high=5, neutral=0)

    def __call__(self, logits, context):
        if self.k == 0:
            return logits.copy()
        return np.where(logits < np.sort(logits)[-self.k:][0], -np.inf, logits)

@seqshell.hookimpl
def seqshell_samplers():
    yield Wrong
"""

CHANGES = {  # what makes them wrong: a text, and what stands in its place
    "in place": ("last = last.transpose(0, 1)\n", "last = state.copy_(last.transpose(0, 1).detach())\n"),
    "mixed": ("return self.readout(hidden), last", "return self.readout(hidden), last - 0.1 * last.mean(0)"),
    "layers first": (
        "(batch_size, self.config.num_layers, self.config.hidden_size)\n\n    def forward",
        "(2, batch_size, 8)\n\n    def forward",
    ),
    "kept": (
        "        last = last.transpose(0, 1)\n",
        "        last = last.transpose(0, 1)\n"
        "        if getattr(self, 'kept', None) is not None and self.kept.shape == last.shape:\n            hidden = hidden + self.kept[:, -1:]\n"
        "        self.kept = last\n",
    ),
    "centred": (
        "return self.readout(hidden), last",
        "return self.readout(hidden - hidden.mean(1, keepdim=True)), last",
    ),
    "forgets": ("state.transpose(0, 1).contiguous()", "torch.zeros_like(state.transpose(0, 1))"),
    "no bias": (' + self.weights[f"recurrent.bias_hh_l{layer}"]', ""),
    "a set": ("num_layers: int = 2", "num_layers: int = 2\n    marks: Any = field(default_factory=lambda: {1, 2})"),
    "a key": ("num_layers: int = 2", "num_layers: int = 2\n    marks: Any = field(default_factory=lambda: {1: 2})"),
}
SAMPLER_CHANGES = {
    "nothing left": ("np.where(logits < np.sort", "np.where(logits <= np.sort"),
    "not neutral": ("return logits.copy()", "return logits - 1e-3"),
    "own chance": ("if self.k == 0:", "if self.k == 0 or np.random.random() < 0.5:"),
    "writes": (
        "return np.where(logits <",
        "logits[logits < np.sort(logits)[-self.k:][0]] = -np.inf\n        return np.where(logits <",
    ),
}


def write(folder, text, change=None):
    path = folder / "wrong.py"
    assert change is None or change[0] in text
    path.write_text(text if change is None else text.replace(*change), "utf-8")
    return str(path)


def failing(capsys, word):
    """The exit code, and what failed: rule -> (seen, case)."""
    code = check_command(word, (), as_json=True)
    told = json.loads(capsys.readouterr().out)
    rules = [rule for offer in told["offers"] for rule in offer["rules"] if not rule["passed"]]
    assert told["failed"] == len(rules)
    assert code == bool(rules)
    return {rule["rule"]: (rule["seen"], rule["case"]) for rule in rules}


@pytest.mark.parametrize("text", [MODEL, SAMPLER])
def test_what_is_not_wrong_passes(capsys, tmp_path, text):
    assert failing(capsys, write(tmp_path, text)) == {}


SMALL = re.escape(", vocab_size=11, hidden_size=1, num_layers=1")


@pytest.mark.parametrize(
    ("fault", "rule", "seen", "case"),
    [
        (
            "in place",
            "module: a returned state is never modified",
            "a later call modified an earlier result: state",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        (
            "mixed",
            "module: the rows of a batch do not affect each other",
            "row 0 in the batch compared with alone: ",
            r"2 rows of \d steps? .*" + SMALL,
        ),
        (
            "layers first",
            "module: outputs have the task's shape; the leaves of states are [B, ...] and keep their types",
            "the initial state is [2, 1, 8] instead of [1, ...]: the batch comes first",
            "1 row of 1 step",
        ),
        (
            "kept",
            "module: continuing twice from a state gives identical results",
            "the second time: outputs",
            "1 row of 1 step",
        ),
        (
            "centred",
            "module: reading in chunks equals reading at once",
            "in two chunks: outputs",
            r"1 row of 2 steps \[\[\d+, \d+\]\]" + SMALL,
        ),
        (
            "forgets",
            "module: reading in chunks equals reading at once",
            "in two chunks: ",
            r"1 row of 2 steps \[\[\d+, \d+\]\]" + SMALL,
        ),
        (
            "no bias",
            "decoder: its outputs equal the module's within 0.0001",
            "reading 1 rows: outputs",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        ("a set", "its config can be saved as JSON", "marks={1, 2} cannot be written as JSON: ", ""),
        ("a key", "its config can be saved as JSON", "marks={1: 2} is loaded as {'1': 2}", ""),
    ],
)
def test_a_wrong_architecture_is_told_by_the_rule_that_is_about_it(capsys, tmp_path, fault, rule, seen, case):
    found = failing(capsys, write(tmp_path, MODEL, CHANGES[fault]))
    assert rule in found
    assert found[rule][0].startswith(seen)
    assert re.match(case, found[rule][1])


@pytest.mark.parametrize(
    ("fault", "rule", "seen", "case"),
    [
        (
            "nothing left",
            "by default: it returns [V] without NaN or inf, not all -inf, and keeps every -inf",
            "all logits are -inf",
            "logits [0.0] after the tokens []",
        ),
        (
            "not neutral",
            "k=0 (neutral) changes nothing",
            "logits: difference 0.001, allowed 1e-09",
            "logits [0.0] after the tokens []",
        ),
        (
            "own chance",
            "by default: the same context gives the same logits; the only randomness is context.uniform(name)",
            "[",
            "logits [",
        ),
        ("writes", "by default: it does not modify its input", "its input became ", "logits ["),
    ],
)
def test_a_wrong_sampler_is_told_by_the_rule_that_is_about_it(capsys, tmp_path, fault, rule, seen, case):
    found = failing(capsys, write(tmp_path, SAMPLER, SAMPLER_CHANGES[fault]))
    assert rule in found
    assert found[rule][0].startswith(seen)
    assert found[rule][1].startswith(case)
    assert len(found[rule][1]) < 100


OTHERS = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import seqshell
from seqshell.core.sampling import Advanced, Hypotheses, Hypothesis

FAULT = ""

@dataclass(frozen=True)
class First:
    """The smallest id that is not excluded, again and again."""

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
    """All of it at once."""

    name: ClassVar[str] = "whole"
    streams: ClassVar[bool] = False

    def search(self, decoder, start, request):
        rows = len(start.outputs)
        count = request.stop.max_tokens + (FAULT == "too long")
        steps = [step for step, _ in zip(super().search(decoder, start, request), range(count), strict=False)]
        for row in range(rows - (FAULT == "a row less")):
            one = slice(row, row + 1)
            ids = tuple(3 if FAULT == "stop id" else int(step.tokens[row]) for step in steps)
            best = Hypothesis(ids, 0.0, 0.0, tuple(step.state[one] for step in steps), tuple(step.outputs[one] for step in steps))
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
            raise seqshell.VocabularyError("the model does not know it", text=text, positions=positions)
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
    yield seqshell.command("echo", usage="" if FAULT == "no usage" else "TEXT", aliases=("e",))(echo)

def reads(path, options):
    if FAULT == "json":
        import json
        json.loads(path.read_text())
    if FAULT == "lines":
        raise seqshell.CheckpointError("no\\nand no")
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
        ("raises", "its example runs on a small model and ends", "PluginError: "),
        ("talks", "its example runs on a small model and ends", "it does not end: more than "),
        ("two turns", "it is one turn: /undo undoes all of it", "it moved from position 0 to "),
        (
            "json",
            "for other files it returns None or raises a SeqshellError with a one-line message",
            "JSONDecodeError: ",
        ),
        (
            "lines",
            "for other files it returns None or raises a SeqshellError with a one-line message",
            "a message of several lines: ",
        ),
        (
            "takes all",
            "for other files it returns None or raises a SeqshellError with a one-line message",
            "it returned a dict",
        ),
    ],
)
def test_other_wrong_offers_are_told_by_the_rule_that_is_about_it(capsys, tmp_path, fault, rule, seen):
    found = failing(capsys, write(tmp_path, OTHERS, ('FAULT = ""', f'FAULT = "{fault}"')))
    assert any(name.startswith(rule) and what.startswith(seen) for name, (what, _) in found.items()), found


def test_other_offers_that_are_not_wrong_pass(capsys, tmp_path):
    assert failing(capsys, write(tmp_path, OTHERS)) == {}


def test_the_terminal_tells_rule_seen_and_case(capsys, tmp_path):
    assert check_command(write(tmp_path, SAMPLER, SAMPLER_CHANGES["not neutral"]), (), as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("  FAIL    k=0 (neutral) changes nothing")
    assert lines[place + 1 : place + 3] == [
        "          found: logits: difference 0.001, allowed 1e-09",
        "          smallest failing case: logits [0.0] after the tokens []",
    ]
    assert lines[0] == "plugin wrong"
    assert lines[-1] == "1 of 14 checks failed"


def test_a_plugin_that_cannot_be_loaded_is_one_failed_rule_with_its_traceback(capsys, tmp_path):
    assert check_command(write(tmp_path, "import nowhere"), (), as_json=False) == 1
    out = capsys.readouterr().out
    assert "the plugin wrong: the import failed: ModuleNotFoundError: No module named 'nowhere'" in out
    assert 'wrong.py", line 1' in out


def test_a_target_that_cannot_be_imported_is_a_failed_rule(capsys, tmp_path):
    text = (
        "import seqshell\n@seqshell.hookimpl\ndef seqshell_samplers():\n    yield seqshell.Lazy('gone', 'wrong:Gone')\n"
    )
    (rule,) = failing(capsys, write(tmp_path, text))
    assert rule == "its target can be imported and has the right type"


def test_the_folder_of_a_distribution_is_checked_as_it_stands(capsys, folder, monkeypatch):
    project = folder / "thing"
    (project / "src").mkdir(parents=True)
    (project / "src" / "wrong_thing.py").write_text(SAMPLER, "utf-8")
    (project / "pyproject.toml").write_text('[project.entry-points.seqshell]\nthing = "wrong_thing"\n', "utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert check_command("thing", (), as_json=False) == 0
    assert capsys.readouterr().out.startswith("plugin wrong_thing\n")


def test_what_p_names_is_loaded_and_not_checked(capsys, tmp_path):
    other = tmp_path / "shared_parts.py"
    other.write_text("import seqshell\n@seqshell.hookimpl\ndef seqshell_samplers():\n    return []\n", "utf-8")
    path = write(tmp_path, "import shared_parts\n" + SAMPLER)
    assert check_command(path, (), as_json=False) == 1
    capsys.readouterr()
    assert check_command(path, (str(other),), as_json=False) == 0
    assert "shared_parts" not in capsys.readouterr().out


def test_an_example_that_needs_what_is_not_here_is_a_warning(capsys, tmp_path):
    assert check_command(write(tmp_path, OTHERS, ("/echo be", "/echo \u732b")), (), as_json=False) == 0
    assert (
        "  warning its example runs on a small model and ends\n          found: tiny does not know "
        in capsys.readouterr().out
    )


def test_a_built_in_plugin_is_checked_by_its_name(capsys):
    assert check_command("samplers", (), as_json=False) == 0
    assert "sampler min_p\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("no-such", "no plugin, distribution, module or file named 'no-such'"),
        ("./no-such.py", "no file ./no-such.py"),
        ("empty", "empty contains neither pyproject.toml nor __init__.py"),
        ("bare", "bare/pyproject.toml has no entry point in the group seqshell"),
    ],
)
def test_what_is_not_there_is_one_line(folder, word, message):
    (folder / "empty").mkdir()
    (folder / "bare").mkdir()
    (folder / "bare" / "pyproject.toml").write_text("[project]\nname = 'bare'\n", "utf-8")
    with pytest.raises(UsageError, match=re.escape(message)):
        check_command(word, (), as_json=False)


def test_torch_at_module_level_is_a_warning_with_its_milliseconds_and_fails_nothing(tmp_path):
    """In a process of its own: here torch is in memory already."""
    path = write(tmp_path, "import torch\n" + SAMPLER)
    done = subprocess.run(
        [sys.executable, "-m", "seqshell", "plugins", "check", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"  warning torch is not imported at module level\n +found: [\d,]+ ms at every start; ", done.stdout
    )
    assert done.stdout.endswith("all 14 checks passed, 1 warning\n")
