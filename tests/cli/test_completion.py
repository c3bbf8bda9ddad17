"""`seqshell completion`: its tables, and the scripts in the shells that are here, with files whose names are code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import seqshell
from seqshell.cli import completion
from seqshell.cli import completion_tables as tables
from seqshell.cli.subcommands import SUBCOMMANDS

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# Typed line -> the arguments that it may become; None: only that these are among them.
LINES = {
    "seqshell tr": ["trace", "train"],
    "seqshell --color ": ["--color", "always", "auto", "never"],
    "seqshell --json --no-plugins ex": ["--json", "--no-plugins", "export"],
    "seqshell --set temperature=1 --wei": ["--set", "temperature=1", "--weights"],
    "seqshell -m x tr": ["-m", "x", "tr"],  # a script: -m is not an option of subcommands
    "seqshell -c /und": ["-c", "/undo"],
    "seqshell completion ": ["completion", *sorted(completion.SHELLS)],
    "seqshell train my": ["train", "my $(touch pwned).txt"],
    "seqshell train 'my": ["train", "my $(touch pwned).txt"],
    "seqshell train --set training.ep": ["train", "--set", "training.epochs="],
    "seqshell train --set data.text=p": ["train", "--set", "data.text=plain.txt"],
    "seqshell score \\`": ["score", "`touch pwned`;touch pwned.txt"],
    "seqshell bulk translate ": ["bulk", "translate", "`touch pwned`;touch pwned.txt", 'it\'s "q".txt'],
    "seqshell models clean ": ["models", "clean", "sub"],
    "seqshell evaluate min": ["evaluate", "mine"],
}
# What makes Ctrl-A insert all completions.
BASH = "bind '\"\\C-a\": insert-completions'; bind 'set enable-bracketed-paste off'"
ZSH = (
    "zle -C all complete-word _generic; bindkey '^A' all; zstyle ':completion:all:*' insert true; "
    "zstyle ':completion:all::::' completer _all_matches _complete; unsetopt zle_bracketed_paste prompt_cr prompt_sp"
)
LINES["seqshell bulk translate "] += ["my $(touch pwned).txt", "plain.txt", "sub"]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The files of the scripts, and a folder with files and models whose names are code."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "home" / "models").mkdir(parents=True)
    (folder / "work" / "sub").mkdir(parents=True)
    for line in LINES.values():
        for name in line:
            if name.endswith(".txt") and "=" not in name:
                (folder / "work" / name).touch()
    for name in ("mine", "min $(touch pwned)"):
        (folder / "home" / "models" / f"{name}.safetensors").touch()
    for shell in completion.SHELLS:
        (folder / shell).write_text(completion.script(shell), encoding="utf-8")
    return folder


def environment(folder):
    return {
        **{name: value for name, value in os.environ.items() if name not in ("FPATH", "ZDOTDIR", "INPUTRC")},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "SEQSHELL_HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "TERM": "dumb",
        "LC_ALL": "C",
    }


def completed(folder, command, start, lines=LINES, **variables):
    """The arguments that each line becomes when a key inserts all completions, and a function prints them."""
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not here")
    options = {"cwd": folder / "work", "encoding": "utf-8", "timeout": 30, "dimensions": (50, 2000)}
    child = pexpect.spawn(command, env=environment(folder) | variables, **options)
    child.sendline(f"{start}; seqshell() {{ printf '<%s>' \"$@\"; echo; }}; PS1=REA''DY")
    child.expect("READY")
    found = {}
    for line in lines:
        child.send(f"{line}\x01\r")  # Ctrl-A
        child.expect("\n.*READY")
        found[line] = re.findall("<(.*?)>", child.after)
    child.close()
    return found


@pytest.mark.slow
def test_bash_completes_and_runs_nothing_of_the_names_of_files(scripts):
    assert completed(scripts, "bash --norc --noprofile", f"{BASH}; source {scripts / 'bash'}") == LINES
    assert not list(scripts.rglob("pwned*"))


@pytest.mark.slow
def test_zsh_completes_and_runs_nothing_of_the_names_of_files(scripts):
    load = f"autoload -Uz compinit; compinit -u -d {scripts / 'dump'}; source {scripts / 'zsh'}"

    assert completed(scripts, "zsh -f", f"{load}; {ZSH}") == LINES
    assert not list(scripts.rglob("pwned*"))


@pytest.mark.slow
def test_fish_completes_and_runs_nothing_of_the_names_of_files(scripts):
    if shutil.which("fish") is None:
        pytest.skip("fish is not here")
    program = f"source {scripts / 'fish'}; for line in $argv; complete -C $line; echo ---; end"
    result = subprocess.run(
        ["fish", "--no-config", "-c", program, "--", *LINES],
        cwd=scripts / "work",
        env=environment(scripts),
        capture_output=True,
        text=True,
        check=True,
    )
    offered = [
        [each.partition("\t")[0].rstrip("/") for each in part.splitlines()] for part in result.stdout.split("---\n")
    ]
    complete = [len(line.split()) - (not line.endswith(" ")) - 1 for line in LINES]  # the words before the last one
    expected = [words[number:] for words, number in zip(LINES.values(), complete, strict=True)]
    expected[list(LINES).index("seqshell -m x tr")] = []

    assert result.stderr == ""
    assert [sorted(each) for each in offered[:-1]] == [sorted(each) for each in expected]
    assert not list(scripts.rglob("pwned*"))


@pytest.mark.slow
@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_shell_completes_after_what_the_documentation_says(scripts, tmp_path, shell):
    text = (ROOT / "docs" / "completion.md").read_text(encoding="utf-8")
    (lines,) = re.findall(rf"<!-- install {shell} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert all(f"  {line}\n" in completion.EXAMPLES for line in lines.splitlines())
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    home = {"HOME": str(tmp_path)}
    variables = {name: value for name, value in environment(scripts).items() if not name.startswith("XDG_")} | home
    subprocess.run(["bash", "-c", lines], env=variables, check=True)
    line = "seqshell tr"
    if shell == "fish":
        found = subprocess.run(["fish", "-c", f"complete -C '{line}'"], env=variables, capture_output=True, text=True)
        assert re.findall(r"^\w+", found.stdout, re.MULTILINE) == LINES[line]
    else:
        start = BASH if shell == "bash" else ZSH
        assert completed(scripts, f"{shell} -i", start, [line], **home) == {line: LINES[line]}


@pytest.fixture(scope="module")
def arguments():
    return {
        (each.program, each.place): each
        for name, parser in tables.programs().items()
        for each in tables.arguments(name, parser)
    }


def test_every_kind_of_the_tables_is_known_to_the_scripts(arguments):
    kinds = {kind for each in arguments.values() for kind in each.kinds if not kind.startswith("=")}

    assert kinds <= set(tables.KINDS)
    for shell in completion.SHELLS:
        text = (completion.SCRIPTS / f"{shell}.txt").read_text(encoding="utf-8")
        assert not [kind for kind in tables.KINDS if kind not in tables.LISTED and kind not in text]


@pytest.mark.parametrize(
    ("program", "place", "kinds"),
    [
        ("seqshell", "-m", ("models", "paths")),
        ("seqshell", "--restore", ("sessions", "paths")),
        ("seqshell", "--preset", ("presets",)),
        ("seqshell", "--set", ("settings",)),
        ("seqshell", "--prompt", ()),
        ("seqshell", "--seed", ()),
        ("seqshell", "*", ("files",)),
        ("train", "*", ("recipes", "files")),
        ("train", "--from", ("models", "paths")),
        ("train", "--tune", ("=state",)),
        ("evaluate", "0", ("models", "paths")),
        ("evaluate", "--strategy", ("strategies",)),
        ("evaluate", "--text-column", ()),
        ("plugins", "1", ("plugins", "paths")),
        ("runs", "*", ("runs", "paths")),
        ("plugins", "--set", ()),
        ("recipes", "*", ("=show", "recipes")),
        ("models", "*", ("folders",)),
        ("import", "--map", ("files",)),
    ],
)
def test_the_kinds_of_a_value_are_read_from_the_parser(arguments, program, place, kinds):
    assert arguments[program, place].kinds == kinds


def test_options_that_are_not_shown_in_help_are_not_completed(arguments):
    assert ("seqshell", "--version") in arguments
    assert ("seqshell", "--verbose") not in arguments
    assert ("completion", "--names") not in arguments


def test_only_json_takes_a_value_after_an_equals_sign_alone(arguments):
    found = {(each.place, each.takes) for each in arguments.values()}

    assert {place for place, takes in found if takes == tables.AFTER_EQUALS} == {"--json"}
    assert {("--echo", tables.NEVER), ("-m", tables.ALWAYS)} <= found


def test_a_script_has_every_subcommand_setting_strategy_and_command():
    lines = [line.split("\t") for line in tables.tables().splitlines()]
    words = {line[1]: line[2].split() for line in lines if line[0] == "W"}

    assert [line[1:] for line in lines if line[0] == "S"] == [
        [name, each.summary] for name, each in SUBCOMMANDS.items()
    ]
    assert {"max_tokens=", "temperature=", "repeat_penalty.window="} <= set(words["settings"])
    assert {"training.epochs=", "data.text="} <= set(words["keys"])
    assert {"greedy", "beam"} <= set(words["strategies"])
    assert {"/undo", "/preset", "/?"} <= set(words["commands"])
    assert {len(line) for line in lines if line[0] == "O"} == {6}
    assert not [line for line in lines if "" in line]


def test_the_script_for_fish_has_its_own_quotes(monkeypatch):
    monkeypatch.setattr(tables, "tables", lambda: "a\\b\tit's\nc")

    assert "\n    'a\\\\b\tit\\'s' \\\n    'c'\n" in completion.script("fish")


def test_the_names_of_a_kind_are_those_that_are_safe_as_words(home, folder, capsys):
    for kind, ending in (
        ("models", ".safetensors"),
        ("sessions", ".safetensors"),
        ("recipes", ".toml"),
        ("presets", ".toml"),
    ):
        (home / kind).mkdir(parents=True)
        for name in ("mine", "my model", "$(touch pwned)", "-x", "a\nb"):
            (home / kind / f"{name}{ending}").touch()

    for kind, others in (("models", {"shakespeare"}), ("sessions", set()), ("recipes", {"text"}), ("presets", {"hf"})):
        assert seqshell.cli.main(["completion", "--names", kind]) == 0
        found = capsys.readouterr().out.splitlines()
        assert {"mine", *others} <= set(found)
        assert not [name for name in found if not completion.NAME.fullmatch(name)]
    for name in ("mine", "my model"):
        (home / "models" / f"{name}.run").mkdir()
    assert completion.names("runs") == ["mine"]
    assert "recurrent" in completion.names("plugins")
    assert completion.names("nonsense") == []


def test_a_missing_or_unknown_shell_is_one_line(capsys):
    assert seqshell.cli.main(["completion"]) == 2
    assert capsys.readouterr().err == "seqshell: completion needs a shell: seqshell completion bash, zsh or fish\n"
    assert seqshell.cli.main(["completion", "tcsh"]) == 2
    assert capsys.readouterr().err.startswith("seqshell: argument SHELL: invalid choice: 'tcsh' (choose from ")


def test_the_program_prints_the_script(capsys):
    assert seqshell.cli.main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == completion.script("bash")
