"""`seqshell plugins check`: what it prints, what it can check, and the rules for samplers."""

import re
import subprocess
import sys

import pytest

from seqshell.cli.plugins_check import check_command
from seqshell.core.errors import UsageError

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

# Fault -> a text in SAMPLER, and what replaces it.
CHANGES = {
    "nothing left": ("np.where(logits < np.sort", "np.where(logits <= np.sort"),
    "not neutral": ("return logits.copy()", "return logits - 1e-3"),
    "own chance": ("if self.k == 0:", "if self.k == 0 or np.random.random() < 0.5:"),
    "writes": (
        "return np.where(logits <",
        "logits[logits < np.sort(logits)[-self.k:][0]] = -np.inf\n        return np.where(logits <",
    ),
}


def test_a_valid_sampler_passes(failed_rules, write_plugin):
    assert failed_rules(write_plugin(SAMPLER)) == {}


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
def test_each_fault_of_a_sampler_fails_its_rule(failed_rules, write_plugin, fault, rule, seen, case):
    failed = failed_rules(write_plugin(SAMPLER, CHANGES[fault]))
    assert rule in failed
    assert failed[rule][0].startswith(seen)
    assert failed[rule][1].startswith(case)
    assert len(failed[rule][1]) < 100


def test_a_failed_rule_is_printed_with_what_was_found_and_the_smallest_case(write_plugin, capsys):
    assert check_command(write_plugin(SAMPLER, CHANGES["not neutral"]), (), as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("  FAIL    k=0 (neutral) changes nothing")
    assert lines[place + 1 : place + 3] == [
        "          found: logits: difference 0.001, allowed 1e-09",
        "          smallest failing case: logits [0.0] after the tokens []",
    ]
    assert lines[0] == "plugin wrong"
    assert lines[-1] == "1 of 15 checks failed"


def test_a_plugin_that_cannot_be_loaded_fails_one_rule_with_a_traceback(write_plugin, capsys):
    assert check_command(write_plugin("import nowhere"), (), as_json=False) == 1
    out = capsys.readouterr().out
    assert "the plugin wrong: the import failed: ModuleNotFoundError: No module named 'nowhere'" in out
    assert 'wrong.py", line 1' in out


def test_a_target_that_cannot_be_imported_fails_a_rule(write_plugin, failed_rules):
    text = (
        "import seqshell\n@seqshell.hookimpl\ndef seqshell_samplers():\n    yield seqshell.Lazy('gone', 'wrong:Gone')\n"
    )
    (rule,) = failed_rules(write_plugin(text))
    assert rule == "its target can be imported and has the right type"


def test_the_folder_of_a_distribution_can_be_checked_without_installing_it(capsys, folder, monkeypatch):
    project = folder / "thing"
    (project / "src").mkdir(parents=True)
    (project / "src" / "wrong_thing.py").write_text(SAMPLER, "utf-8")
    (project / "pyproject.toml").write_text('[project.entry-points.seqshell]\nthing = "wrong_thing"\n', "utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert check_command("thing", (), as_json=False) == 0
    assert capsys.readouterr().out.startswith("plugin thing\n")


def test_plugins_given_with_p_are_loaded_but_not_checked(write_plugin, capsys, tmp_path):
    other = tmp_path / "shared_parts.py"
    other.write_text("import seqshell\n@seqshell.hookimpl\ndef seqshell_samplers():\n    return []\n", "utf-8")
    path = write_plugin("import shared_parts\n" + SAMPLER)
    assert check_command(path, (), as_json=False) == 1
    capsys.readouterr()
    assert check_command(path, (str(other),), as_json=False) == 0
    assert "shared_parts" not in capsys.readouterr().out


def test_a_built_in_plugin_can_be_checked_by_name(capsys):
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
def test_a_plugin_that_does_not_exist_is_reported_in_one_line(folder, word, message):
    (folder / "empty").mkdir()
    (folder / "bare").mkdir()
    (folder / "bare" / "pyproject.toml").write_text("[project]\nname = 'bare'\n", "utf-8")
    with pytest.raises(UsageError, match=re.escape(message)):
        check_command(word, (), as_json=False)


def test_importing_torch_at_module_level_is_only_a_warning(write_plugin):
    """In a new process: in this one, torch is already imported."""
    path = write_plugin("import torch\n" + SAMPLER)
    result = subprocess.run(
        [sys.executable, "-m", "seqshell", "plugins", "check", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert re.search(
        r"  warning torch is not imported at module level\n +found: [\d,]+ ms at every start; ", result.stdout
    )
    assert result.stdout.endswith("all 15 checks passed, 1 warning\n")
