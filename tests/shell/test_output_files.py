"""Models, sessions and scripts in files: /load, /save, /restore, /source, /expect, /history and /quit."""

from __future__ import annotations

import pytest
from tests.shell.sending import LETTERS, send

from seqshell import CheckpointError, ExpectationError, UsageError
from seqshell.core import paths
from seqshell.core.events import Finished, ModelOpened, Moved, Quit, Steps, Table, Text
from seqshell.core.plugin_api import Arguments
from seqshell.shell.commands.output_files import to_file
from seqshell.shell.settings import Settings
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint


@pytest.fixture
def shell(fresh):
    return fresh()


def test_load_opens_a_model_beside_the_others(shell):
    send(shell, "ROMEO:")
    events = send(shell, "/load two")

    assert events == [ModelOpened("two", "two: character RNN 1x8, 1.8k parameters")]
    assert (shell.workspace.current, list(shell.workspace.sessions)) == ("two", ["one", "two"])
    send(shell, "/load one")
    assert shell.session.position == 18


def test_load_recognises_a_session_by_its_header(shell, tmp_path):
    send(shell, "ROMEO:", "/save ./kept.safetensors", "/save lesson", "/reset")
    whole = send(shell, "/load ./kept.safetensors")
    send(shell, "/reset")

    assert isinstance(whole[0], Moved)
    assert send(shell, "/load lesson")[0].position == whole[0].position == 18


def test_a_restored_session_continues_with_the_same_token(fresh):
    shell = fresh()
    send(shell, "ROMEO:", "/regen 2", "/set temperature 0.5", "/save lesson")
    expected = send(shell, "/continue 20")[-1]
    other = fresh()
    (moved,) = send(other, "/restore lesson")

    assert (moved.position, moved.branch) == (18, "main.2")
    assert moved.as_json() == {"pos": 18, "was": 0, "branch": "main.2", "tail": other.session.tail}
    assert send(other, "/continue 20")[-1] == expected


def test_a_restored_session_has_the_settings_that_shape_its_answers(fresh):
    shell = fresh()
    send(shell, "/set max_tokens 30", '/set stop "e"', "/set newline after", "/set pace 1000", "/set unit bits")
    send(shell, "ROMEO:", "/save lesson")
    other = fresh()
    send(other, "/set unknown skip", "/restore lesson")

    names = ("max_tokens", "stop", "newline", "unknown", "pace", "unit")
    assert [other.settings.get(name) for name in names] == [30, ("e",), "after", "error", 0, "bits"]
    assert send(other, "What")[-1] == send(shell, "What")[-1]

    given = Settings(other.registry.samplers, other.registry.strategies, command_line={"max_tokens": "7"})
    another = Shell(other.registry, settings=given)
    another.workspace.restore("lesson")
    assert [given.get(name) for name in names[:2]] == [7, ("e",)]


def test_a_session_saved_without_settings_keeps_the_present_ones(fresh):
    shell = fresh()
    send(shell, "ROMEO:")
    shell.session.save("kept.safetensors")  # as before settings were saved
    send(shell, "/set max_tokens 30", "/restore ./kept.safetensors")
    assert shell.settings.get("max_tokens") == 30


def test_a_session_of_another_run_is_replaced_only_by_force(fresh):
    one, two = fresh(), fresh()
    send(one, "ROMEO:", "/save lesson", "/continue 3", "/save lesson")
    path = paths.folder("sessions") / "lesson.safetensors"
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"is a session of another run; /save --force lesson replaces it"):
        send(two, "What", "/save lesson")

    assert path.read_bytes() == before
    send(two, "/save --force lesson", "/save lesson")
    send(one, "/restore lesson", "/save lesson")
    assert one.session.text() == two.session.text()


def test_the_name_of_an_open_model_is_that_model(shell, tmp_path):
    tiny_checkpoint(tmp_path / "elsewhere.safetensors", LETTERS, seed=2)
    send(shell, "/load ./elsewhere.safetensors", "abc", "/load one")
    (opened,) = send(shell, "/load elsewhere")

    assert (opened.name, shell.workspace.current, shell.session.text().text[:3]) == ("elsewhere", "elsewhere", "abc")
    assert list(shell.workspace.sessions) == ["one", "elsewhere"]


def test_a_session_whose_model_was_moved_names_the_file_and_the_way_to_open_it(fresh, tmp_path):
    tiny_checkpoint(tmp_path / "mine.safetensors", LETTERS, seed=2)
    send(fresh(), "/load ./mine.safetensors", "abc", "/save lesson")
    (tmp_path / "mine.safetensors").rename(tmp_path / "new.safetensors")
    shell = fresh()
    with pytest.raises(
        CheckpointError, match=r"lesson.safetensors needs the model /.*/mine.safetensors: no file"
    ) as caught:
        send(shell, "/restore lesson")

    assert caught.value.hint.startswith("if it is elsewhere, start with -m FILE --restore lesson, or /load FILE")
    send(shell, "/load ./new.safetensors", "/restore lesson")
    assert shell.session.text().text[:3] == "abc"


def test_a_session_never_replaces_a_model(shell):
    path = paths.folder("models") / "two.safetensors"
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="is a model, and a session cannot replace it"):
        send(shell, "ROMEO:", f"/save {path}")

    assert path.read_bytes() == before


def test_restore_rejects_a_model_and_names_the_command_that_opens_it(shell):
    path = paths.folder("models") / "two.safetensors"
    with pytest.raises(CheckpointError, match="is a model, not a saved session") as caught:
        send(shell, f"/restore {path}")
    assert caught.value.hint == f"/load {path}"


def test_close_makes_the_other_model_current(shell):
    send(shell, "/load two", "/close two")

    assert (shell.workspace.current, list(shell.workspace.sessions)) == ("one", ["one"])


def test_models_are_listed_with_task_and_whether_they_are_open(shell, tmp_path):
    (paths.folder("models") / "rubbish.safetensors").write_text("rubbish")
    tiny_checkpoint(paths.folder("models") / "three.safetensors", about="Continues letters.")
    send(shell, "ROMEO:", "/save lesson")
    table, sessions, data = send(shell, "/models")
    listed = {model["name"]: model for model in data.values["models"]}

    assert [set(model) for model in data.values["models"]] == [{"name", "task", "about", "path", "open"}] * len(listed)
    assert (listed["one"]["task"], listed["one"]["open"]) == ("generate", True)
    assert (listed["two"]["task"], listed["two"]["open"]) == ("generate", False)
    assert (listed["rubbish"]["task"], listed["rubbish"]["open"]) == (None, False)
    assert isinstance(table, Table)
    says = {row[0]: row[table.columns.index("does")] for row in table.rows}
    assert says == {"one": "", "two": "", "rubbish": "", "three": "Continues letters."}
    assert listed["three"]["about"] == "Continues letters."
    assert sessions.rows[0][0] == "lesson"


def test_source_runs_each_line_as_a_turn(shell, tmp_path):
    (tmp_path / "lesson.seq").write_bytes(
        b'\xef\xbb\xbf#!/usr/bin/env seqshell\r\n/# Prose.\r\n\r\nROMEO:\r\n"""\r\na\r\n\r\nb"""\r\n/continue 3'
    )
    answers = [event for event in send(shell, "/source lesson.seq") if isinstance(event, Finished)]
    before, _, whole = shell.session.text().text.partition("a\n\nb")

    assert [answer.num_tokens for answer in answers] == [12, 12, 3]
    assert before == "ROMEO:" + answers[0].answer
    assert whole == answers[1].answer + answers[2].answer
    send(shell, "/undo 2")
    assert shell.session.text().text == before


def test_an_error_in_a_script_names_file_and_line_and_keeps_its_type(shell, tmp_path):
    (tmp_path / "inner.seq").write_text("/feed a\n/expect never\n")
    (tmp_path / "outer.seq").write_text("/# Prose.\n/source inner.seq\n")
    with pytest.raises(ExpectationError, match=r"^outer.seq:2: inner.seq:2: the last result does not contain 'never'"):
        send(shell, "/source outer.seq")

    assert shell.scripts == []
    assert shell.session.text().text == "a"


def test_a_script_that_is_not_closed_runs_no_line(shell, tmp_path):
    (tmp_path / "open.seq").write_text('/feed a\n"""\nb\n')
    with pytest.raises(UsageError, match="the block is not closed"):
        send(shell, "/source open.seq")

    assert shell.session.position == 0


def test_scripts_cannot_run_each_other_without_end(shell, tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.seq").write_text(f"/source {number + 1}.seq\n")
    with pytest.raises(UsageError, match=r"15\.seq runs 16\.seq: a script must not run itself, nor more than 16"):
        send(shell, "/source 0.seq")


def test_a_script_is_passed_to_the_terminal_to_take_line_by_line(shell, tmp_path):
    (tmp_path / "lesson.seq").write_text("/# Prose.\nROMEO:\n")
    shell.interactive = True

    assert send(shell, "/source --step lesson.seq") == [Steps("lesson.seq", ("/# Prose.", "ROMEO:"))]
    shell.interactive = False
    assert len([event for event in send(shell, "/source --step lesson.seq") if isinstance(event, Finished)]) == 1


def test_expect_searches_the_last_result(shell):
    send(shell, "/feed ROMEO:", "/text", "/undo", '/expect "MEO:"')

    with pytest.raises(ExpectationError, match="the last result does not contain 'JULIET'; it is 'ROMEO:'"):
        send(shell, "/expect JULIET")


def test_history_shows_the_lines_as_a_script_has_them(shell):
    send(shell, "ROMEO:", '"""\na\nb\n"""', "/undo")

    assert send(shell, "/history") == [Text('ROMEO:\n"""\na\nb\n"""\n/undo')]


@pytest.mark.parametrize(("line", "code"), [("/quit", 0), ("/exit 3", 3), ("/bye", 0)])
def test_quit_has_an_exit_code(shell, line, code):
    assert send(shell, line) == [Quit(code)]


def test_names_are_completed(shell):
    send(shell, "ROMEO:", "/save lesson")

    assert list(shell.find_command("load").complete(shell, "")) == ["one", "two", "lesson"]
    assert list(shell.find_command("restore").complete(shell, "")) == ["lesson"]
    assert list(shell.find_command("close").complete(shell, "")) == ["one"]


def test_recipes_are_listed(shell, tmp_path):
    folder = paths.folder("recipes")
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('task = "generate"\narchitecture = "gru"\n[data]\ntext = "a.txt"\n')
    (folder / "torn.toml").write_text("task = \n")
    (table,) = send(shell, "/recipes")
    rows = {row[0]: row for row in table.rows}

    assert rows["mine"][1:3] == ("generate", "gru")
    assert "torn.toml is not TOML" in rows["torn"][3]


def test_restoring_reports_the_position(shell):
    send(shell, "ROMEO:", "/save lesson", "/reset")
    (moved,) = send(shell, "/restore lesson")

    assert moved.as_json()["pos"] == 18


def test_json_says_where_a_file_was_written(shell, tmp_path):
    send(shell, "ROMEO:")
    for line, file in {
        "/save ./a.safetensors": "a.safetensors",
        "/state save ./b.safetensors": "b.safetensors",
        "/record ./c.seq": "c.seq",
        "/export d.html": "d.html",
        "/text -o e.txt": "e.txt",
    }.items():
        assert [event.as_json() for event in send(shell, line)] == [{"text": "", "file": file}]
        assert (tmp_path / file).is_file()
    send(shell, "/record off")
    (table,) = send(shell, "/top 2")
    assert [event.as_json() for event in send(shell, "/top -o f.csv 2")] == [{**table.as_json(), "file": "f.csv"}]


def test_the_name_of_a_file_is_checked_before_the_work(shell):
    done = []
    with pytest.raises(UsageError, match=r"^unknown ending of x\.doc; use \.html"):
        list(to_file(shell, Arguments("", {"-o": "x.doc"}), lambda: done.append("work") or []))
    assert done == []
