"""`seqshell plugins new` refuses options, names and folders that do not fit, in one line."""

from pathlib import Path

import pytest

from seqshell.cli import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "sampler", "--task", "forecast"], "--task is the task of an architecture; add --kind architecture"),
        (["--kind", "sampler", "--kind", "singer"], "argument --kind: invalid choice: 'singer'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(folder, capsys, words, message):
    assert main(["plugins", "new", "tide", *words]) == 2

    assert message in capsys.readouterr().err
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("9lives", "sampler", "is not a valid plugin name"),
        ("a/b", "sampler", "is not a valid plugin name"),
        ("..", "sampler", "is not a valid plugin name"),
        ("a--b", "sampler", "is not a valid plugin name"),
        ("tide.py", "sampler", "is not a valid plugin name"),
        ("é", "sampler", "is not a valid plugin name"),
        ("x" * 41, "sampler", "is not a valid plugin name"),
        ("seqshell-tide", "sampler", "leave out the prefix"),
        ("recurrent", "sampler", "the name of a built-in plugin"),
        ("gru", "architecture", "the name of a built-in architecture"),
        ("top-k", "sampler", "the name of a built-in sampler"),
        ("beam", "strategy", "the name of a built-in strategy"),
        ("undo", "command", "the name of a built-in command"),
    ],
)
def test_an_invalid_name_is_refused_in_one_line_and_nothing_is_written(folder, capsys, name, kind, reason):
    assert main(["plugins", "new", name, "--kind", kind]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not list(folder.iterdir())


def test_an_existing_folder_is_refused_and_not_changed(folder, capsys):
    (folder / "tide").mkdir()

    assert main(["plugins", "new", "tide"]) == 2

    assert "tide already exists here" in capsys.readouterr().err
    assert not list((folder / "tide").iterdir())


def test_an_unwritable_folder_is_reported_in_one_line(folder, monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)

    assert main(["plugins", "new", "tide"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("cannot write tide here: Permission denied")
