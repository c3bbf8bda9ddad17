"""`seqshell paths`: the user's folders, with what they take."""

from __future__ import annotations

import json
from pathlib import Path

from seqshell.cli import main
from seqshell.cli.folders import UNINSTALLED, places
from seqshell.core import paths
from seqshell.kernels.batches import team
from seqshell.testing import tiny_checkpoint


def test_the_places_are_shown_with_their_sizes_and_what_uninstalling_leaves(capsys, home):
    (home / "models" / "below").mkdir(parents=True)
    (home / "models" / "a").write_bytes(b"a" * 2000)
    (home / "models" / "below" / "b").write_bytes(b"b" * 1000)
    (home / "config.toml").write_text("")

    assert main(["paths"]) == 0
    *rows, empty, uninstalled = capsys.readouterr().out.splitlines()
    assert [row.split()[-1] for row in rows[1:]] == list(map(str, places().values()))
    assert f"models     3 kB     {home / 'models'}" in rows
    assert f"config     0 bytes  {home / 'config.toml'}" in rows
    assert f"sessions   -        {home / 'sessions'}" in rows
    assert (empty, uninstalled) == ("", UNINSTALLED)


def test_json_has_the_paths_and_bytes(capsys, home):
    home.mkdir()
    (home / "history").write_text("abc")

    assert main(["paths", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["paths"]
    assert found["history"] == {"path": str(home / "history"), "bytes": 3}
    assert found["cache"] == {"path": str(home / "cache"), "bytes": None}
    assert list(found) == list(places())


def test_a_file_that_is_removed_meanwhile_does_not_count(capsys, home, monkeypatch):
    (home / "models").mkdir(parents=True)
    (home / "models" / "a").write_bytes(b"abc")

    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr("os.lstat", gone)
    assert main(["paths", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paths"]["models"]["bytes"] == 0


def test_a_home_that_cannot_be_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", "~nosuchuser/home")
    assert main(["paths"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_everything_that_a_session_writes_in_the_home_folder_is_in_a_place_that_is_listed(capsys, home, folder):
    tiny_checkpoint(folder / "tiny.safetensors")
    lines = ("/feed abc", "/save a", "/state save b")
    assert main(["-m", "./tiny.safetensors", *(part for line in lines for part in ("-c", line))]) == 0

    written = {path for path in home.rglob("*") if path.is_file()}
    assert {path.name for path in written} == {"a.safetensors", "b.safetensors"}
    assert all(any(path.is_relative_to(place) for place in places().values()) for path in written)


def test_compiled_steps_of_training_are_not_kept_in_the_folder_of_a_wheel(monkeypatch):
    folder = team._cache_folder.__wrapped__
    monkeypatch.setattr("os.access", lambda path, mode: True)
    assert folder().parent == Path(team.__file__).parent / "__pycache__"
    monkeypatch.setattr(paths, "is_from_wheel", lambda: True)
    assert folder().parent == paths.cache() / "kernels"
