"""`seqshell cp` and `seqshell rm`: models are copied byte for byte, and removed after a question."""

from __future__ import annotations

import io
import json
import sys

import pytest

from seqshell.cli import main
from seqshell.core import paths
from seqshell.models.source_record import SourceRecord, read_record, record_path, write_record
from seqshell.testing import tiny_checkpoint

RECORD = SourceRecord("https://example.org/a.safetensors", "", 5, "0" * 64, "")


def run(capsys, *arguments):
    """Run a command line. Returns the exit code, stdout and stderr."""
    code = main(list(arguments))
    return code, *capsys.readouterr()


@pytest.fixture
def models():
    """The models folder, with `mine`, which was downloaded."""
    models = paths.folder("models")
    models.mkdir(parents=True)
    write_record(tiny_checkpoint(models / "mine.safetensors"), RECORD)
    return models


class Terminal(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self):
        return True


@pytest.fixture
def asked(monkeypatch):
    """Run a command line at a terminal where somebody answers. Returns the exit code and what the terminal shows."""

    def run(answer, *arguments):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        monkeypatch.setattr(sys, "stderr", Terminal())
        code = main(list(arguments))
        return code, sys.stderr.getvalue()

    return run


def test_a_copy_is_the_same_file_with_the_record_of_its_source(capsys, models):
    path = models / "copy.safetensors"
    code, out, _ = run(capsys, "cp", "mine", "copy")

    assert (code, out) == (0, f"wrote {path} (2 kB)\n")
    assert path.read_bytes() == (models / "mine.safetensors").read_bytes()
    assert read_record(path) == RECORD
    assert run(capsys, "-m", "copy", "-c", "/feed abc")[0] == 0


def test_a_model_is_copied_to_a_path_and_from_one(capsys, models):
    _, out, _ = run(capsys, "cp", "mine", "./here", "--json")
    size = (models / "mine.safetensors").stat().st_size

    assert json.loads(out) == {"model": "here", "path": "here.safetensors", "bytes": size}
    record_path(models / "mine.safetensors").unlink()
    assert run(capsys, "cp", "./here.safetensors", "back")[0] == 0
    assert run(capsys, "cp", "mine", "./there.safetensors")[0] == 0
    assert not record_path(paths.named_path("there.safetensors")).exists()


def test_a_copy_replaces_nothing_and_needs_a_name(capsys, folder, models):
    (folder / "some.safetensors").write_text("some")
    (folder / "text").write_text("no model")
    (folder / "link.safetensors").symlink_to("nowhere")
    before = sorted(models.iterdir())
    for new, message in {
        "mine": f"there is a model mine already, {models / 'mine.safetensors'}; choose another name",
        "names": f"there is a model names already, {paths.shipped() / 'names.safetensors'}; choose another name",
        "./some": "some.safetensors exists already; choose another name",
        "a b": "invalid name 'a b': use 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter "
        "or digit",
        "./link": "link.safetensors exists already; choose another name",
        "/": "/ is a folder; name a file in it",
        "./": "./ is a folder; name a file in it",
        "../": "../ is a folder; name a file in it",
        "none/new": "cannot write none/new.safetensors: there is no folder none",
    }.items():
        assert run(capsys, "cp", "mine", new) == (2, "", f"seqshell: {message}\n")
    assert run(capsys, "cp", "./text", "new")[0] == 3
    assert run(capsys, "cp", "none", "new")[0] == 3
    assert run(capsys, "cp", "/", "new") == (3, "", "seqshell: / is a folder, not a model; give the name of a file\n")
    assert sorted(models.iterdir()) == before


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_removes_the_model_and_its_record(asked, models, answer):
    code, shown = asked(answer, "rm", "mine")

    assert (code, shown) == (0, f"remove {models / 'mine.safetensors'} (2 kB)? [y/N] ")
    assert list(models.iterdir()) == []


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_any_other_answer_removes_nothing(asked, models, answer):
    assert asked(answer, "rm", "mine")[0] == 1
    assert sorted(each.name for each in models.iterdir()) == ["mine.safetensors", "mine.safetensors.json"]


def test_where_nobody_can_answer_it_needs_yes(capsys, monkeypatch, models):
    message = "seqshell: rm asks before it removes mine, and nobody can answer here; add --yes\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert run(capsys, "rm", "mine") == (2, "", message)
    monkeypatch.setattr(sys, "stdin", None)
    assert run(capsys, "rm", "mine") == (2, "", message)
    assert run(capsys, "rm", "mine", "--yes") == (0, f"removed {models / 'mine.safetensors'} (2 kB)\n", "")
    assert list(models.iterdir()) == []


def test_json_says_what_was_removed(capsys, models):
    path = models / "mine.safetensors"
    size = path.stat().st_size
    assert json.loads(run(capsys, "rm", "mine", "--yes", "--json")[1]) == {
        "removed": "mine",
        "path": str(path),
        "bytes": size,
    }


def test_shipped_models_and_files_elsewhere_are_never_removed(capsys, folder, models, monkeypatch):
    tiny_checkpoint(folder / "here.safetensors")
    for word, message in {
        "names": f"names ships with seqshell and is not removed: {paths.shipped() / 'names.safetensors'}",
        "./here.safetensors": f"rm takes the name of a model in {models}; './here.safetensors' is a path",
        "here.safetensors": f"rm takes the name of a model in {models}; 'here.safetensors' is a path",
    }.items():
        assert run(capsys, "rm", word, "--yes") == (2, "", f"seqshell: {message}\n")
    code, _, err = run(capsys, "rm", "min", "--yes")
    assert (code, "did you mean mine?" in err) == (3, True)
    assert (folder / "here.safetensors").exists()
    assert (paths.shipped() / "names.safetensors").exists()


def test_a_model_of_a_plugin_is_not_removed(capsys, folder, models):
    (folder / "offers.py").write_text(
        "import pathlib, seqshell\n"
        "@seqshell.hookimpl\n"
        "def seqshell_checkpoints():\n"
        f"    return [pathlib.Path({str(folder)!r})]\n"
    )
    tiny_checkpoint(folder / "offered.safetensors")

    message = f"offered belongs to a plugin and is not removed: {folder / 'offered.safetensors'}"
    assert run(capsys, "rm", "offered", "--yes", "-p", "offers.py") == (2, "", f"seqshell: {message}\n")
    assert "owner   of a plugin\n" in run(capsys, "show", "offered", "-p", "offers.py")[1]


def test_what_a_removed_model_hid_is_named(capsys, models):
    tiny_checkpoint(models / "names.safetensors")
    out = run(capsys, "rm", "names", "--yes")[1]

    assert out.endswith(f"; names is now {paths.shipped() / 'names.safetensors'}\n")


def test_of_a_link_only_the_link_is_removed_and_it_says_so(capsys, folder, models):
    target = tiny_checkpoint(folder / "kept.safetensors")
    (models / "link.safetensors").symlink_to(target)

    shown = f"the link {models / 'link.safetensors'}, not the file that it leads to, {target}"
    assert run(capsys, "rm", "link", "--yes") == (0, f"removed {shown}\n", "")
    assert target.exists()


def test_a_link_that_leads_to_itself_is_listed_and_removed(capsys, models):
    link = models / "loop.safetensors"
    link.symlink_to(link.name)

    listed = {each["name"]: each["task"] for each in json.loads(run(capsys, "models", "--json")[1])["models"]}
    assert listed["mine"] == "generate"
    assert listed["loop"] is None
    assert run(capsys, "-m", "loop", "-c", "a")[::2] == (
        3,
        f"seqshell: cannot use {link}: Too many levels of symbolic links\n",
    )
    assert run(capsys, "rm", "loop", "--yes")[0] == 0
    assert not link.is_symlink()


def test_a_file_that_the_system_does_not_remove_is_one_line(capsys, models, monkeypatch):
    def refuse(self, missing_ok=False):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    message = f"cannot remove {models / 'mine.safetensors'}: Operation not permitted"
    assert run(capsys, "rm", "mine", "--yes") == (2, "", f"seqshell: {message}\n")
