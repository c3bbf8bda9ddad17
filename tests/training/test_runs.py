"""`seqshell runs`: the trainings in run folders are listed, shown, drawn and removed; damaged ones are reported."""

from __future__ import annotations

import io
import json
import re
import shutil

import pytest
from filelock import FileLock

from seqshell.cli import main
from seqshell.training.run_folder import LOCK, METRICS_FILE, RUN_FILE


def listed(capsys):
    assert main(["runs", "--json"]) == 0
    return {run["name"]: run for run in json.loads(capsys.readouterr().out)["runs"]}


def change(folder, **fields):
    about = json.loads((folder / RUN_FILE).read_text())
    (folder / RUN_FILE).write_text(json.dumps({**about, **fields}))


def test_a_training_records_what_was_trained_and_how_it_ended(models, capsys):
    run = listed(capsys)["a"]

    assert (run["task"], run["architecture"], run["status"]) == ("generate", "gru", "finished")
    assert (run["epoch"], run["epochs"], run["seed"], run["step"]) == (2, 2, 5, run["steps"])
    assert run["best"]["epoch"] == 2
    assert run["best"]["summary"].endswith("nats (blocks256)")
    assert len(run["data"]["sha256"]) == 64
    assert 'architecture = "gru"' in run["recipe"]
    assert run["started"] <= run["ended"]
    assert main(["runs"]) == 0
    columns, row = capsys.readouterr().out.splitlines()
    assert columns.split() == ["run", "task", "best", "epochs", "seed", "data", "minutes", "parent", "status"]
    assert row.startswith("a    generate  ")
    assert run["data"]["sha256"][:8] in row


def test_a_run_is_shown_with_its_epochs_its_curve_and_its_recipe(models, capsys):
    assert main(["runs", "show", "a"]) == 0
    shown = capsys.readouterr().out
    history = [json.loads(line) for line in (models / "a.run" / METRICS_FILE).read_text().splitlines()]
    losses = [record["loss"] for record in history if "loss" in record and record["step"] <= history[-1]["step"] // 2]

    assert f" 1 {history[-1]['step'] // 2} {sum(losses) / len(losses):.6g} " in " ".join(shown.split())
    assert "  best\n" in shown
    assert "● validation " in shown
    assert '# its recipe\ntask = "generate"' in shown
    assert main(["runs", "show", str(models / "a.safetensors"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["history"][-1]["step"] == history[-1]["step"]


@pytest.mark.parametrize("name", ["a", "./models/a.run", "models/a.run/../a.safetensors"])
def test_losses_of_several_runs_are_written_in_one_picture(models, monkeypatch, capsys, name):
    monkeypatch.chdir(models.parent)
    shutil.copytree(models / "a.run", models / "b.run")
    assert main(["runs", "plot", name, "b", "-o", "both.svg"]) == 0
    assert capsys.readouterr().out == "wrote both.svg\n"
    picture = (models.parent / "both.svg").read_text()

    assert "a, training" in picture
    assert "b, validation" in picture
    assert main(["runs", "plot", "a", "-o", "a.csv", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["loss_curves"]) == 1
    assert (models.parent / "a.csv").read_text().startswith("run,update,training,validation\na,1,")


def test_a_run_that_continues_one_that_was_killed_and_one_that_failed_say_so(models, capsys):
    for name, fields in {"killed": {"status": "running", "ended": None}, "failed": {"status": "failed"}}.items():
        shutil.copytree(models / "a.run", models / f"{name}.run")
        change(models / f"{name}.run", reason="the loss is NaN", **fields)
    shutil.copytree(models / "killed.run", models / "running.run")
    shutil.copytree(models / "a.run", models / "again.run")
    (models / "new.run").mkdir()
    (models / "empty.run").mkdir()
    (models / "empty.run" / LOCK).touch()
    with (
        FileLock(models / "running.run" / LOCK),
        FileLock(models / "again.run" / LOCK),
        FileLock(models / "new.run" / LOCK),
    ):
        states = {name: (run["status"], run["reason"]) for name, run in listed(capsys).items()}
        assert main(["runs", "rm", "running", "--yes"]) == 2
        assert "running is still being trained; stop it first" in capsys.readouterr().err

    assert states == {
        "a": ("finished", ""),
        "again": ("running", "nothing written yet"),
        "empty": ("killed", "no figures"),
        "failed": ("failed", "the loss is NaN"),
        "killed": ("killed", ""),
        "new": ("running", "nothing written yet"),
        "running": ("running", ""),
    }
    assert main(["runs"]) == 0
    assert "failed: the loss is NaN" in capsys.readouterr().out


def test_a_run_folder_is_no_longer_running_where_its_lock_cannot_be_opened(models, capsys):
    change(models / "a.run", status="running")
    (models / "a.run" / LOCK).unlink(missing_ok=True)
    (models / "a.run" / LOCK).symlink_to(models / "text.txt")
    (models / "text.txt").chmod(0)

    assert listed(capsys)["a"]["status"] == "killed"


DAMAGED = {
    "cut": ("{", "run.json: Expecting property name"),
    "other": ('{"task": "generate"}', "run.json: it has no 'architecture'"),
    "list": ("[]", "run.json: it is not an object"),
    "kind": ({"epochs": "3"}, "run.json: 'epochs' is str"),
    "flag": ({"seed": True}, "run.json: 'seed' is bool"),
    "large": ({"seed": 10**30}, "run.json: 'seed' is too large"),
    "status": ({"status": "\x1b"}, "run.json: '\\x1b' is no status"),
    "bytes": ("\x00", "run.json: Expecting value"),
    "none": (None, "no run.json"),
    "folder": ("", "is a folder"),
}


def test_a_damaged_run_is_one_line_and_the_others_are_shown(models, capsys):
    for name, (content, _) in DAMAGED.items():
        folder = shutil.copytree(models / "a.run", models / f"{name}.run")
        if isinstance(content, dict):
            change(folder, **content)
            continue
        (folder / RUN_FILE).unlink()
        if name == "folder":
            (folder / RUN_FILE).mkdir()
        elif content is not None:
            (folder / RUN_FILE).write_text(content)
    runs = listed(capsys)

    assert runs["a"]["status"] == "finished"
    for name, (_, reason) in DAMAGED.items():
        assert runs[name]["status"] == "damaged"
        assert reason in runs[name]["reason"]
    assert main(["runs"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(DAMAGED) + 2
    for options in ([], ["--json"]):
        assert main(["runs", "show", "cut", *options]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"seqshell: {models / 'cut.run'} is damaged: run.json: ")
        assert err.endswith("; seqshell runs rm removes it\n")


def test_a_run_without_losses_is_not_drawn(models, capsys):
    (models / "a.run" / METRICS_FILE).write_text("")
    assert main(["runs", "plot", "a", "-o", str(models / "a.svg")]) == 2
    assert capsys.readouterr().err == "seqshell: a has no losses yet\n"
    assert not (models / "a.svg").exists()


@pytest.mark.parametrize(
    "line",
    [
        "[",
        "3",
        "{}",
        '{"step": -1, "loss": 1}',
        '{"step": 1, "loss": "a"}',
        '{"step": 1, "loss": true}',
        f'{{"step": 1, "loss": {10**400}}}',
        '{"step": 1, "epoch": 1, "validation": {}}',
        '{"step": 1, "epoch": "a", "validation": {"nats": 1}}',
        '{"step": 1, "epoch": 1, "validation": [1]}',
    ],
)
def test_damaged_figures_are_one_error(models, capsys, line):
    (models / "a.run" / METRICS_FILE).write_text(line + "\n")
    assert main(["runs", "show", "a"]) == 2
    message = f"seqshell: {models / 'a.run' / METRICS_FILE} is damaged: it has other records than a training writes\n"
    assert capsys.readouterr().err == message


def test_a_run_is_removed_and_its_model_only_if_asked(models, capsys):
    (models / "a.run" / "notes.txt").write_text("mine")
    shutil.copytree(models / "a.run", models / "b.run", ignore=shutil.ignore_patterns("notes.txt"))
    (models / "b.run" / "tensorboard").mkdir()
    shutil.copy(models / "a.safetensors", models / "b.safetensors")
    assert main(["runs", "rm", "a"]) == 2
    assert "runs rm asks before it removes a, and nobody can answer here; add --yes" in capsys.readouterr().err
    assert main(["runs", "rm", "a", "--yes"]) == 0
    assert capsys.readouterr().out == (
        f"removed {models / 'a.run'}\n"
        f"{models / 'a.run'} has other files, which stay\n"
        f"the model is still there: {models / 'a.safetensors'}\n"
    )
    assert [path.name for path in (models / "a.run").iterdir()] == ["notes.txt"]
    assert main(["runs", "rm", "b", "--yes", "--model", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == [str(models / "b.run"), str(models / "b.safetensors")]
    assert not (models / "b.run").exists()
    assert not (models / "b.safetensors").exists()


class Terminal(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "is_removed"), [("y\n", True), ("\n", False), ("", False)])
def test_at_a_terminal_it_asks_before_it_removes(models, monkeypatch, answer, is_removed):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", shown := Terminal())
    assert main(["runs", "rm", "a", "--model"]) == (0 if is_removed else 1)

    assert shown.getvalue().startswith(f"remove {models / 'a.run'} (")
    assert f"and the model {models / 'a.safetensors'}? --resume cannot continue it then [y/N] " in shown.getvalue()
    assert (models / "a.run").exists() is not is_removed


def test_at_a_terminal_the_curve_is_drawn_for_its_window(models, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stdout", shown := Terminal())
    assert main(["runs", "show", "a", "--color", "always"]) == 0

    assert re.search("\x1b\\[38;5;\\d+m●\x1b\\[0m validation ", shown.getvalue())


def test_a_run_that_cannot_be_removed_is_one_error(models, monkeypatch, capsys):
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    assert main(["runs", "rm", "a", "--yes"]) == 2
    assert f"cannot remove {models / 'a.run'}: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show"], "runs show takes a name; usage: seqshell runs show NAME"),
        (["list", "b"], "there is no folder b"),
        (["b"], "'b' is neither a folder nor an action of runs; seqshell runs --help"),
        (["plto", "a", "-o", "x.svg"], "'plto' is neither a folder nor an action of runs; did you mean plot?"),
        (["shwo"], "'shwo' is neither a folder nor an action of runs; did you mean show?"),
        (["./b"], "there is no folder ./b"),
        ([""], "'' is neither a folder nor an action of runs"),
        (["show", "/"], "there is no run folder /"),
        (["show", "../"], "there is no run folder .."),
        ([".", "b"], "there is no folder b"),
        (["show", "a", "-o", "x.svg"], "-o belongs to runs plot"),
        (["list", "--yes"], "--model and --yes belong to runs rm"),
        (["show", "b"], "no run 'b'; seqshell runs lists those in your folder"),
        (["show", "./b"], "there is no run folder b.run"),
        (["plot", "a"], "name the file of the picture: -o losses.html"),
        (["plot", "a", "-o", "x.mp3"], "x.mp3"),
    ],
)
def test_bad_usage_is_one_line(models, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(models)
    assert main(["runs", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_trainings_in_other_folders_are_listed_with_the_paths_that_show_takes(models, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(models / "a.run", tmp_path / "lower" / "b.run")

    assert main(["runs", "lower", "models/a.run", "--json"]) == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)["runs"]] == ["b", "a"]
    for arguments, path in ((["./lower/"], "./lower/b"), (["list", "lower/b.run"], "lower/b.run")):
        assert main(["runs", *arguments]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["run", path]
        assert main(["runs", "show", path]) == 0
        assert capsys.readouterr().out.startswith("b\nstatus        finished\n")
    assert main(["runs", "."]) == 0
    assert capsys.readouterr().out == "no trainings in . yet; seqshell train NAME|FILE trains a model\n"


def test_a_folder_that_cannot_be_read_is_one_error(models, monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    assert main(["runs", str(models)]) == 2
    assert capsys.readouterr().err == f"seqshell: cannot read {models}: Permission denied\n"


def test_without_trainings_it_says_how_to_start_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    assert main(["runs"]) == 0
    assert capsys.readouterr().out == "no trainings yet; seqshell train NAME|FILE trains a model\n"
