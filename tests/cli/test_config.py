"""`seqshell config`: where each value comes from, and a config file that is edited and checked."""

from __future__ import annotations

import json
import shlex
import sys

import pytest

from seqshell.cli import main
from seqshell.testing import tiny_checkpoint


@pytest.fixture
def model(folder, home):
    """A model with defaults of its own, which is also the default model of this user."""
    (home / "models").mkdir(parents=True)
    return tiny_checkpoint(
        home / "models" / "shakespeare.safetensors", defaults={"sampler": "top_k=3 temperature=0.5", "max_tokens": 7}
    )


def config(home, text):
    (home / "config.toml").write_text(text, encoding="utf-8")


def editor(folder, text, code=0):
    """A program that writes a text to the file, as an editor does."""
    program = folder / "my editor.py"
    program.write_text(f"import sys; open(sys.argv[1], 'w').write({text!r}); sys.exit({code})", encoding="utf-8")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(program))}"


def values(capsys, *options):
    """The values and the origins that JSON shows, by name; and what stderr has."""
    assert main(["config", "show", "--json", *options]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["file"].endswith("config.toml")
    return {each["name"]: (each["value"], each["from"]) for each in found["settings"] + found["start"]}, err


def test_each_value_has_its_origin(model, home, capsys, monkeypatch):
    config(home, "[settings]\nstop = ['a']\ntop_k = 4\n")
    monkeypatch.setenv("SEQSHELL_DEBUG", "0")
    found, err = values(capsys, "--set", "temperature=0.7")

    assert err == ""
    assert found["max_tokens"] == (7, "checkpoint")
    assert found["stop"] == (["a"], "config file")
    assert found["top_k"] == (4, "config file")
    assert found["temperature"] == (0.7, "command line")
    assert found["unknown"] == ("error", "built in")
    assert found["SEQSHELL_HOME"] == (str(home), "environment")
    assert found["SEQSHELL_DEBUG"] == ("0", "environment")
    assert found["SEQSHELL_SLOW_SCAN"] == (None, "built in")
    assert found["-m"] == ("shakespeare", "built in")
    assert found["--device"] == ("auto", "built in")


def test_the_options_that_start_the_shell_count(model, capsys):
    found, _ = values(capsys, "-m", str(model), "--preset", "hf", "--device", "cpu")

    assert [found[name] for name in ("-m", "--preset", "--device")] == [
        (name, "command line") for name in ("shakespeare", "hf", "cpu")
    ]
    assert found["top_k"] == (50, "command line")


def test_the_folder_without_a_variable_is_built_in(model, home, capsys, monkeypatch):
    monkeypatch.delenv("SEQSHELL_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(home.parent / "data"))
    found, _ = values(capsys, "-m", str(model))

    assert found["SEQSHELL_HOME"][1] == "built in"
    assert found["SEQSHELL_HOME"][0].endswith("seqshell")


def test_the_table_has_the_same_values_and_the_mistakes_come_after_it(model, home, capsys):
    config(home, "[settings]\n\nmax_tokens = 0\nstop = ['a', 'b']\n")
    assert main(["config"]) == 0
    out, err = capsys.readouterr()

    assert [line.split() for line in out.splitlines() if line.startswith(("max_tokens", "stop"))] == [
        ["max_tokens", "7", "checkpoint"],
        ["stop", '["a",', '"b"]', "config", "file"],
    ]
    assert err == "seqshell: config.toml:3: max_tokens must be 1 to 1,000,000, not 0\n"


def test_the_path_is_printed_whether_there_is_a_file_or_not(home, capsys):
    assert main(["config", "path"]) == 0
    assert capsys.readouterr().out == f"{home}/config.toml\n"
    assert main(["config", "path", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": f"{home}/config.toml", "exists": False}


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[settings]\nmax_tokens = 9\n", []),
        (
            "[settings]\ntop_k = -1\ntemprature = 1\n[setings]\n",
            [
                "config.toml:4: unknown 'setings'; did you mean [settings]?",
                "config.toml:2: top_k must be at least 0, not -1",
                "config.toml:3: there is no setting 'temprature'; did you mean temperature?",
            ],
        ),
        ("[plugins]\ndisable = 3\n", ["config.toml:2: [plugins] disable must be a list of names"]),
        ("a b\n", ["{} is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 3)"]),
        (f"a = {'9' * 5000}\n", ["{} is not TOML: Exceeds the limit (4300 digits) for integer string conversion: "]),
    ],
)
def test_a_file_is_checked_after_it_was_edited(model, folder, home, capsys, monkeypatch, text, messages):
    monkeypatch.setenv("VISUAL", editor(folder, text))
    monkeypatch.setenv("EDITOR", "nosuch")
    code = main(["config", "edit"])
    lines = capsys.readouterr().err.splitlines()

    assert code == bool(messages)
    assert (home / "config.toml").read_text() == text
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        assert line.startswith(f"seqshell: {message.format(home / 'config.toml')}")


def test_a_folder_for_the_file_is_created(folder, home, capsys, monkeypatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor(folder, "", code=3))

    assert main(["config", "edit"]) == 2
    assert capsys.readouterr().err == (
        f"seqshell: the editor {sys.executable} ended with exit code 3; the config file was not checked\n"
    )
    assert (home / "config.toml").exists()


@pytest.mark.parametrize(
    ("words", "program", "message"),
    [
        (["edit"], "", "no editor: set VISUAL or EDITOR to one, or edit {}/config.toml"),
        (["edit"], "nosuch-editor -w", "cannot start the editor nosuch-editor: No such file or directory"),
        (["edit"], "sh -c 'kill -9 $$'", "the editor sh was ended by signal 9; the config file was not checked"),
        (["edit"], "vi 'a", 'cannot read VISUAL or EDITOR, "vi \'a": no closing quotation'),
        (["path", "--set", "a=b"], "vi", "-m, --preset and --set are for config show"),
        (["edit", "-m", "x"], "vi", "-m, --preset and --set are for config show"),
    ],
)
def test_what_cannot_be_edited_or_shown_is_one_line(folder, home, capsys, monkeypatch, words, program, message):
    monkeypatch.setenv("VISUAL", program)
    monkeypatch.delenv("EDITOR", raising=False)

    assert main(["config", *words]) == 2
    assert capsys.readouterr().err == f"seqshell: {message.format(home)}\n"


def test_a_file_that_cannot_be_read_is_one_line_for_every_command(model, folder, home, capsys, monkeypatch):
    follows = "until this is fixed, only the built-in plugins are loaded"
    config(home, "a b\n")
    for words in (["config"], ["-c", "/seed"]):
        assert main(words) == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"seqshell: {home / 'config.toml'} is not TOML: ")
        assert line.endswith(follows)
    (home / "config.toml").unlink()
    (home / "config.toml").symlink_to("config.toml")
    monkeypatch.setenv("VISUAL", "true")
    assert main(["config", "edit"]) == 1
    assert capsys.readouterr().err == (
        f"seqshell: cannot use {home / 'config.toml'}: Too many levels of symbolic links; {follows}\n"
    )


def test_a_folder_that_cannot_be_created_is_named(folder, capsys, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("SEQSHELL_HOME", str(folder / "file"))
    monkeypatch.setenv("VISUAL", "true")

    assert main(["config", "edit"]) == 2
    assert capsys.readouterr().err == f"seqshell: cannot create the folder {folder / 'file'}: File exists\n"
