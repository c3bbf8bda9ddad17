"""Several open models: each with its own timeline, and all of their sessions saved at the end."""

from dataclasses import replace

import pytest
from tests.shell.sending import answer_to

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model

pytestmark = pytest.mark.usefixtures("folder")


def test_every_model_has_its_own_timeline(tmp_path):
    one = tiny_checkpoint(tmp_path / "one.safetensors")
    tiny_checkpoint(tmp_path / "two.safetensors", seed=1)
    shell = shell_for()
    shell.open(one)
    list(shell.handle("/feed abc"))
    list(shell.handle("/load ./two.safetensors"))
    assert (shell.workspace.current, shell.session.position) == ("two", 0)
    shell.open("./one.safetensors")  # it goes on where it stands
    assert (shell.workspace.current, shell.session.position, list(shell.workspace.sessions)) == (
        "one",
        3,
        ["one", "two"],
    )
    shell.workspace.close("one")
    assert (shell.workspace.current, list(shell.workspace.sessions)) == ("two", ["two"])
    shell.workspace.close("two")
    assert shell.workspace.current is None
    with pytest.raises(UsageError, match="'two' is not open; open: none"):
        shell.workspace.use("two")


def test_two_files_with_one_name_are_two_models(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        tiny_checkpoint(tmp_path / folder / "tiny.safetensors", seed=ord(folder))
    shell = shell_for()
    shell.open("a/tiny.safetensors")
    shell.open("b/tiny.safetensors")
    assert list(shell.workspace.sessions) == ["tiny", "tiny-2"]


def test_a_model_that_cannot_be_opened_changes_nothing(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    shell = shell_for(tiny_model())
    for word in ("./bad.safetensors", "nowhere"):
        with pytest.raises(CheckpointError):
            shell.open(word)
    assert (shell.workspace.current, list(shell.workspace.sessions)) == ("tiny", ["tiny"])


def test_a_saved_session_continues_with_the_same_token(tmp_path):
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    shell = shell_for()
    shell.open(path)
    list(shell.handle("abc"))
    shell.session.save(tmp_path / "saved.safetensors")
    following = answer_to(shell, "/continue 20")
    other = shell_for()
    other.open(path)
    other.workspace.restore("./saved.safetensors")
    assert list(other.workspace.sessions) == ["tiny"]
    assert answer_to(other, "/continue 20") == following
    alone = shell_for()
    alone.workspace.restore("./saved.safetensors")  # opens the model, too
    assert answer_to(alone, "/continue 20") == following


def test_only_an_interactive_session_is_saved_as_last(tmp_path):
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    last = tmp_path / "home" / "sessions" / "last.safetensors"
    for interactive, lines, kept in [
        (False, ["abc"], False),
        (True, [], False),
        (True, ["/set autosave off", "abc"], False),
        (True, ["abc"], True),
    ]:
        shell = shell_for()
        shell.interactive = interactive
        shell.open(path)
        for line in lines:
            list(shell.handle(line))
        assert dict(shell.end()) == ({"tiny": "last"} if kept else {})
        assert last.exists() == kept


@pytest.fixture
def two_models(tmp_path):
    """A shell at the prompt with the models first and second; second is current."""
    shell = shell_for()
    shell.interactive = True
    for name in ("first", "second"):
        shell.open(tiny_checkpoint(tmp_path / f"{name}.safetensors"))
        list(shell.handle("/set max_tokens 5"))
    return shell


def test_the_sessions_of_all_open_models_are_saved(two_models):
    """Each saved session continues as the session that was left."""
    shell = two_models
    for name in ("first", "second"):
        shell.workspace.use(name)
        list(shell.handle("abc"))
    assert dict(shell.end()) == {"second": "last", "first": "last-first"}
    for name, saved in (("second", "last"), ("first", "last-first")):
        again = shell_for()
        again.workspace.restore(saved)
        assert again.workspace.current == name
        assert again.session.ids() == shell.workspace.sessions[name].ids()


def test_last_is_the_session_that_answered_last_if_the_current_one_has_read_nothing(two_models, tmp_path):
    shell = two_models
    for name in ("second", "first"):
        shell.workspace.use(name)
        list(shell.handle("abc"))
    shell.open(tiny_checkpoint(tmp_path / "third.safetensors"))
    assert dict(shell.end()) == {"first": "last", "second": "last-second"}


def test_a_session_whose_text_was_undone_is_saved_with_its_redo(two_models):
    list(two_models.handle("/feed abc"))
    list(two_models.handle("/undo"))
    assert dict(two_models.end()) == {"second": "last"}
    again = shell_for()
    again.workspace.restore("last")
    list(again.handle("/redo"))
    assert again.session.text().text == "abc"


def test_a_session_that_cannot_be_saved_does_not_keep_the_others_from_it(two_models):
    shell = two_models
    for name in ("first", "second"):
        shell.workspace.use(name)
        list(shell.handle("abc"))
    (paths.home() / "sessions" / "last.safetensors").mkdir(parents=True)
    assert dict(shell.end()) == {"first": "last-first"}
    (notice,) = shell.take_notices()
    assert notice.text.startswith("the session of second could not be saved: ")


def test_names_of_saved_sessions_are_valid_and_differ(tmp_path):
    shell = shell_for()
    shell.interactive = True
    for name in ("my model", "a" * 70 + "1", "a" * 70 + "2", "current"):
        shell.workspace.add(replace(tiny_model(), name=name))
        list(shell.handle("/feed abc"))
    assert list(shell.end().values()) == ["last", f"last-{'a' * 59}", f"last-{'a' * 57}-2", "last-my-model"]
