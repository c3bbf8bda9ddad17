"""/state and its actions: what they show, as text and as JSON, what they complete, and that they are turns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seqshell.core import paths
from seqshell.core.errors import CheckpointError
from seqshell.core.events import Data, Moved, Notice, StateDifference, Table
from seqshell.shell.commands.state_words import ACTIONS
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder


@pytest.fixture
def shell(folder):
    shell = shell_for(tiny_model())
    list(shell.handle("/feed abc"))
    return shell


def send(shell, *lines):
    return [event for line in lines for event in shell.handle(line)]


def state_of(shell):
    return shell.session.here.state.tobytes(), shell.session.here.outputs.tobytes()


def test_a_state_is_saved_listed_loaded_and_deleted(shell):
    before = state_of(shell)
    path = paths.folder("states") / "quotes.safetensors"
    assert send(shell, "/state save quotes") == [Data({"text": "", "file": str(path)})]
    (listed,) = send(shell, "/state list")
    assert isinstance(listed, Table)
    assert (listed.columns, listed.rows) == (("name", "model", "position", "text"), (("quotes", "tiny", 3, "abc"),))

    (moved,) = send(shell, "/feed de", "/state load quotes")[-1:]
    assert moved == Moved(0, 5, "main", "abc", undo_path="/undo goes back", state="quotes")
    assert state_of(shell) == before
    assert json.loads(json.dumps(moved.as_json())) == {
        "pos": 0,
        "was": 5,
        "branch": "main",
        "tail": "abc",
        "state": "quotes",
    }

    send(shell, "/undo")
    assert shell.session.text().text == "abcde"
    assert send(shell, "/state drop quotes") == []
    assert not list(paths.folder("states").iterdir())


def test_at_the_prompt_it_says_where_a_state_went(shell):
    shell.interactive = True
    notice, _ = send(shell, "/state save quotes")
    path = paths.folder("states") / "quotes.safetensors"
    assert notice == Notice(f"saved to {path} · /state load quotes continues from it")
    assert send(shell, "/state drop quotes") == [Notice("quotes deleted")]


def test_a_state_that_was_saved_under_interventions_says_that_they_did_not_come_with_it(shell):
    send(shell, "/clamp 0[3]=2", "/feed d", "/state save clamped")
    assert [
        event for event in send(shell, "/state load clamped") if isinstance(event, Notice)
    ] == []  # it is active here

    *_, notice = send(shell, "/interventions clear", "/state load clamped")
    assert notice == Notice("this state was reached with 0[3] = 2, which is not active here: /clamp, /steer")


def test_a_path_may_have_spaces_and_is_loaded_by_path(shell):
    send(shell, "/state save ./my state.safetensors", "/feed de", "/state load ./my state.safetensors")
    assert Path("my state.safetensors").is_file()
    assert shell.session.tail == "abc"


def test_a_state_of_another_run_is_replaced_only_with_force(shell):
    send(shell, "/state save quotes", "/feed d", "/state save quotes")  # of this run
    other = shell_for(tiny_model())
    send(other, "/feed e")
    with pytest.raises(CheckpointError, match=r"is a state of another run; /state --force save quotes replaces it"):
        send(other, "/state save quotes")
    send(other, "/state --force save quotes", "/state load quotes")
    assert other.session.tail == "e"


def test_a_state_never_replaces_a_model_or_a_session(shell):
    tiny_checkpoint(paths.output_path("two", "models"))
    send(shell, "/save ./lesson.safetensors")
    for path, kind in (
        (paths.folder("models") / "two.safetensors", "a model"),
        ("./lesson.safetensors", "a saved session"),
    ):
        with pytest.raises(CheckpointError, match=f"is {kind}, and a state cannot replace it"):
            send(shell, f"/state --force save {path}")


def test_other_commands_refuse_a_state_and_name_the_one_that_opens_it(shell):
    send(shell, "/state save ./kept.safetensors")
    for line in ("/load ./kept.safetensors", "/restore ./kept.safetensors"):
        with pytest.raises(CheckpointError, match="is a saved state, not a") as caught:
            send(shell, line)
        assert caught.value.hint.startswith("/state load ")
        send(shell, caught.value.hint)
    with pytest.raises(CheckpointError, match="is a saved state, and a session cannot replace it"):
        send(shell, "/save ./kept.safetensors")


def test_states_are_compared(shell):
    send(shell, "/state save quotes", "/feed d")
    (found,) = send(shell, "/state diff quotes here")
    assert isinstance(found, StateDifference)
    assert (found.a, found.b, [each.part for each in found.parts]) == ("quotes", "main@4", ["0"])
    assert found.divergence > 0
    assert shell.session.position == 4

    send(shell, "/state -o diff.json diff quotes here", "/state -o diff.tsv diff quotes here")
    assert json.loads(Path("diff.json").read_text())["a"] == "quotes"
    assert Path("diff.tsv").read_text().splitlines()[0] == "part\tcosine\tl2\tunit\ta\tb"


def test_writing_adding_and_mixing_are_turns(shell):
    first = state_of(shell)
    (moved,) = send(shell, "/state set 0[3] 2")
    assert (moved.state, shell.session.here.state[0, 3]) == ("main@3 with 0[3] = 2", 2)
    send(shell, "/state add 0[3] -0.5")
    assert shell.session.here.state[0, 3] == 1.5
    (moved,) = send(shell, "/state mix here zero 0.75 0[3]")
    assert moved.state == "main@0 mixed with 0.75 of 0[3] of zero"
    assert shell.session.here.state[0, 3] == 0.375
    send(shell, "/undo 3")
    assert state_of(shell) == first
    send(shell, "/state mix here zero")
    assert shell.session.here.state.tolist() == (shell.session.ancestor(0).state).tolist()
    send(shell, "/undo", "/state mix here zero 0")
    assert state_of(shell) == first


def test_a_negative_number_is_no_option(shell):
    send(shell, "/state set 0[3] -2", "/state mix here zero -1")
    assert shell.session.here.state[0, 3] == -4


class Silent(TinyDecoder):
    """It does not tell the outputs of a state."""

    state_outputs = None


def test_a_note_says_if_the_outputs_do_not_follow(folder):
    model = tiny_model()
    shell = shell_for(replace(model, decoder=Silent(model.tokenizer.size)))
    send(shell, "/feed abc")
    moved, note = send(shell, "/state set 0[3] 2")

    assert isinstance(moved, Moved)
    assert note.text.endswith("the edit shows from the next token on")


def texts(shell, before):
    found = complete(shell, before)
    return [before[: found.start] + text for text, _ in found.items]


def test_actions_states_and_units_are_completed(shell):
    send(shell, "/state save quotes", "/branch other")
    Path("file.txt").touch()

    assert texts(shell, "/state ") == [f"/state {name}" for name in ACTIONS]
    assert texts(shell, "/state load ") == [
        f"/state load {name}" for name in ("here", "zero", "main", "other", "quotes")
    ]
    assert texts(shell, "/state drop ") == ["/state drop quotes"]
    assert texts(shell, "/state diff here q") == ["/state diff here quotes"]
    assert texts(shell, "/state set ") == ["/state set 0"]
    assert texts(shell, "/state set 0[") == [f"/state set 0[{number}]" for number in range(8)]
    assert texts(shell, "/state mix here zero 0[7") == ["/state mix here zero 0[7]"]
    assert texts(shell, "/state set 0[3] ") == []
    assert texts(shell, "/state list ") == []
    assert ("0", "8 float32, 0[0] to 0[7]") in complete(shell, "/state set ").items
    assert ("quotes", "saved state of tiny") in complete(shell, "/state load ").items


def test_states_of_other_models_and_damaged_files_are_not_offered_to_continue_from(shell):
    send(shell, "/state save quotes")
    other = shell_for(replace(tiny_model(seed=1), name="other", fingerprint="0"))
    send(other, "/feed abc", "/state save others")
    (paths.folder("states") / "broken.safetensors").write_bytes(b"12345678")

    assert texts(shell, "/state load o") == []
    assert texts(shell, "/state load q") == ["/state load quotes"]
    assert texts(other, "/state diff here o") == ["/state diff here others"]
    assert texts(shell, "/state drop ") == [f"/state drop {name}" for name in ("broken", "others", "quotes")]


def test_files_are_offered_only_where_a_file_may_stand(shell):
    Path("file.txt").touch()
    assert texts(shell, "/state -o f") == ["/state -o file.txt"]
    assert texts(shell, "/top f") == []
    assert texts(shell, "/state save ./f") == ["/state save ./file.txt"] or texts(shell, "/state save ./f") == []


def test_the_help_lists_every_action_as_completion_describes_it(shell):
    (event,) = send(shell, "/help state")
    lines = [" ".join(line.split()) for line in event.text.splitlines()]
    for name, action in ACTIONS.items():
        assert " ".join(f"{name} {action.usage} {action.about}".split()) in lines
    assert max(map(len, event.text.splitlines())) < 60
