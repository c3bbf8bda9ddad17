"""The command line: its options and subcommands, exit codes, and what a start imports."""

import gc
import io
import os
import subprocess
import sys

import pytest

from seqshell.cli import main
from seqshell.cli.options import first_argument
from seqshell.cli.program import SUBCOMMANDS
from seqshell.testing import tiny_checkpoint


@pytest.fixture
def model(tmp_path):
    return str(tiny_checkpoint(tmp_path / "tiny.safetensors"))


def run(capsys, *arguments):
    """Exit code, stdout, stderr."""
    code = main(arguments)
    return code, *capsys.readouterr()


def test_a_script_that_does_not_exist_is_reported_with_the_options_for_models_and_lines(capsys):
    usage = "use -m shakespeare to open a model, -c 'shakespeare' to send a line"
    assert run(capsys, "shakespeare") == (2, "", f"seqshell: no script 'shakespeare'; {usage}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-c"], "-c needs a line"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--mess"], "unrecognized arguments: --mess"),
        (["--seed", "-1"], "--seed"),
        (["--seed=x"], "must be a whole number from 0 to 18,446,744,073,709,551,615, not 'x'"),
        (["--json=lots"], "invalid choice: 'lots'"),
        (["--set", "temperature"], "--set needs NAME=VALUE, not 'temperature'; write --set temperature=VALUE"),
        (["--set", "max_tokens=0", "-c", "a"], "max_tokens must be 1 to 1,000,000, not '0'"),
        (["-i", "-c", "a"], "-i needs a terminal"),
        (["."], ". is a folder, not a script"),
        (["plugins", "check"], "plugins check needs a NAME or PATH"),
        (["plugins", "new"], "plugins new needs a NAME, as in seqshell plugins new haiku"),
        (
            ["evaluate", "names", "a.tsv", "-o", "a.gif"],
            "-o: end a.gif in .png for a picture, in .json for the metrics",
        ),
        (
            ["plugins", "check", "nope"],
            "no plugin, distribution, module or file named 'nope'; seqshell plugins lists them",
        ),
        (["--prompt"], "--prompt needs a text, or - for stdin"),
        (["recipes", "show"], "name one recipe: seqshell recipes show NAME; seqshell recipes lists them"),
        (["--on-error=never"], "invalid choice: 'never'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    "arguments", [["-m", "nope", "-c", "a"], ["--restore", "nope", "-c", "a"], ["-m", "./no.safetensors", "-c", "a"]]
)
def test_a_missing_model_is_exit_code_3(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "seqshell: no " in err


def test_a_subcommand_is_recognised_only_as_the_first_argument(capsys, model, tmp_path):
    (tmp_path / "models").write_text("/set max_tokens 1\n")
    assert first_argument(["models"]) == 0
    assert first_argument(["--json", "--seed", "3", "--color=never", "-pmine", "-p", "other", "models"]) == 7
    assert first_argument(["-m", "x", "models"]) == 0
    assert first_argument(["--json"]) is None
    assert run(capsys, "-m", model, "models") == (0, "", "")  # the script of that name
    assert run(capsys, "-m", model, "./models") == (0, "", "")


@pytest.mark.parametrize(
    "arguments", [["--json", "models"], ["models", "--json"], ["--no-plugins", "models", "--json", "--seed", "1"]]
)
def test_common_options_may_be_before_or_after_a_subcommand(capsys, arguments):
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert out.startswith('{"models":[')


def test_a_line_after_c_may_start_with_a_dash_or_a_slash(capsys, model):
    assert run(capsys, "-m", model, "-c", "--help") == (1, "", run(capsys, "-m", model, "-c--help")[2])
    assert run(capsys, "-m", model, "-c", "/feed abc", "-c", "/text")[:2] == (0, "abc\n")


def test_json_takes_no_separate_value(capsys, model, tmp_path):
    (tmp_path / "a.seq").write_text("/feed abc\n/text\n")
    code, out, _ = run(capsys, "--json", "a.seq", "-m", model)
    assert code == 0
    assert '"op":"/text","text":"abc"}' in out


def test_a_callers_unbuffered_stream_stays_open(tmp_path, monkeypatch):
    """As pytest's is, which captures the output of programs."""
    file = (tmp_path / "out.txt").open("wb", buffering=0)
    stream = io.TextIOWrapper(file, "utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)

    assert main(["plugins", "list"]) == 0
    monkeypatch.undo()
    gc.collect()

    with stream:
        stream.write("end\n")
    assert (tmp_path / "out.txt").read_text("utf-8").splitlines()[-1] == "end"


def test_the_verbose_version_lists_the_libraries(capsys):
    code, out, _ = run(capsys, "--version")
    assert (code, out.split()[0]) == (0, "seqshell")
    assert "\ntorch " in run(capsys, "--version", "--verbose")[1]


def test_help_shows_every_option_and_subcommand(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    options = [
        "-m",
        "-c",
        "-i",
        "-p",
        "--messages",
        "--json",
        "--echo",
        "--set",
        "--seed",
        "--restore",
        "--on-error",
        "--no-plugins",
        "--color",
    ]
    for option in options:
        assert f" {option}" in shown
    for name in SUBCOMMANDS:
        assert f"\n  {name}" in shown


def test_plugins_are_listed_although_one_and_the_config_file_are_broken(capsys, tmp_path, monkeypatch):
    folder = tmp_path / "home" / "plugins"
    folder.mkdir(parents=True)
    (folder / "leaving.py").write_text("import sys; sys.exit(5)")
    (tmp_path / "home" / "config.toml").write_text("[[[")
    monkeypatch.setenv("SEQSHELL_STRICT_PLUGINS", "1")
    monkeypatch.delenv("SEQSHELL_PLUGINS")
    code, out, _ = run(capsys, "plugins", "list")
    assert code == 0
    assert "recurrent" in out
    assert "config.toml" in out
    (tmp_path / "home" / "config.toml").unlink()
    code, out, _ = run(capsys, "plugins", "list", "--json")
    assert code == 0
    assert '"name":"leaving"' in out
    assert "it called sys.exit" in out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plugins", "list"], ["models"]])
def test_help_version_and_listings_import_no_slow_libraries(arguments):
    code = f"""
import sys
from seqshell.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
heavy = [name for name in ("torch", "numpy", "numba", "rich", "prompt_toolkit") if name in sys.modules]
sys.exit(", ".join(heavy) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("subcommand", ["", *SUBCOMMANDS])
def test_help_is_as_wide_as_the_window_at_most(capsys, monkeypatch, columns, subcommand):
    monkeypatch.setattr(os, "get_terminal_size", lambda stream: os.terminal_size((columns, 24)))
    with pytest.raises(SystemExit):
        main([*filter(None, [subcommand]), "--help"])
    lines = capsys.readouterr().out.splitlines()

    assert [line for line in lines if len(line) > columns] == []
    assert subcommand or "  rm NAME                  remove a model of yours" in lines


def test_a_line_is_answered_without_torch_rich_or_prompt_toolkit(model):
    code = f"""
import os, sys
from seqshell.cli import main
assert main(["-m", {model!r}, "-c", "abc", "--set", "max_tokens=3"]) == 0
assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
slow = ("torch", "numba", "rich", "prompt_toolkit", "importlib.metadata")
sys.exit(", ".join(name for name in slow if name in sys.modules) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


HOT = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
import seqshell

@dataclass(frozen=True)
class Hot:
    \"\"\"Multiplies by a number that is too large.\"\"\"
    name: ClassVar[str] = "hot"
    by: float = 1.0

    def __call__(self, logits, context):
        return np.nan_to_num((logits.astype(np.float32) * np.float32(3e38) * self.by).astype(np.float64))

@seqshell.hookimpl
def seqshell_samplers():
    yield Hot
"""


def test_numpy_does_not_warn_of_large_numbers_on_stderr(folder):
    """Its warnings name lines of code."""
    (folder / "hot.py").write_text(HOT)
    path = tiny_checkpoint(folder / "tiny.safetensors")
    lines = ["-c", "/sampler hot", "-c", "/set max_tokens 2", "-c", "abc"]
    command = [sys.executable, "-m", "seqshell", "-p", "./hot.py", "-m", str(path), *lines]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.strip("\n")) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")
@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["train", "--help"], ["recipes"], ["-m", "names", "-c", "Yamamoto"]]
)
def test_output_that_cannot_be_written_is_one_line_and_exit_code_1(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "seqshell", *arguments], stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 1
    assert done.stderr.endswith(b": No space left on device\n")
    assert done.stderr.count(b"\n") == 1
