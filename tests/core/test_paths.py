"""Names and paths: where models, sessions and recipes are looked for, and in which order."""

from pathlib import Path

import pytest

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, RecipeError, UsageError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_home_is_where_the_environment_says_else_where_the_system_keeps_data(home, monkeypatch):
    import platformdirs

    assert paths.home() == home
    assert paths.folder("sessions") == home / "sessions"
    assert not home.exists()
    monkeypatch.setenv("SEQSHELL_HOME", "~/elsewhere")
    assert paths.home() == Path.home() / "elsewhere"
    monkeypatch.setenv("SEQSHELL_HOME", "")
    assert paths.home() == Path(platformdirs.user_data_dir("seqshell", appauthor=False))


def test_the_shipped_folder_holds_the_recipes():
    assert (paths.shipped() / "README.md").is_file()
    assert (paths.shipped() / "recipes").is_dir()


def test_a_slash_or_the_ending_makes_a_path():
    assert [paths.is_path(word) for word in ("a", "a.txt", "./a", "a/b", "a.safetensors")] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a/b", "..", "é", "a\n", "a" * 65])
def test_what_cannot_be_a_name_is_refused(home, name):
    with pytest.raises(UsageError, match="invalid name"):
        paths.check_name(name)
    assert paths.check_name("a" * 64) == "a" * 64


def test_the_users_own_comes_before_the_plugins_and_those_before_the_shipped(home, tmp_path, monkeypatch):
    shipped, plugin = tmp_path / "shipped", tmp_path / "plugin"
    monkeypatch.setattr(paths, "shipped", lambda: shipped)
    for name in ("one", "two", "three"):
        touch(shipped / f"{name}.safetensors")
    for name in ("two", "three"):
        touch(plugin / f"{name}.safetensors")
    touch(home / "models" / "three.safetensors")
    touch(home / "models" / "notes.txt")
    touch(home / "models" / "-x.safetensors")

    assert {name: path.parent for name, path in paths.list_checkpoints([plugin]).items()} == {
        "one": shipped,
        "three": home / "models",
        "two": plugin,
    }
    assert paths.find_checkpoint("two", [plugin]) == plugin / "two.safetensors"
    assert paths.find_checkpoint("two") == shipped / "two.safetensors"


def test_an_unknown_name_or_path_tells_what_was_meant(home):
    touch(home / "models" / "mine.safetensors")
    with pytest.raises(CheckpointError, match="no model 'mime'; did you mean mine"):
        paths.find_checkpoint("mime")
    with pytest.raises(CheckpointError, match=r"no file '\./mime.safetensors'; did you mean mine"):
        paths.find_checkpoint("./mime.safetensors")
    with pytest.raises(CheckpointError, match="no saved session 'mine'; there is none yet"):
        paths.find_checkpoint("mine", kind="sessions")


def test_a_path_is_itself_even_where_a_name_is_the_same(folder, home):
    touch(home / "models" / "mine.safetensors")
    touch(folder / "mine.safetensors")
    assert paths.find_checkpoint("mine.safetensors") == Path("mine.safetensors")
    assert paths.find_checkpoint(folder / "mine.safetensors") == folder / "mine.safetensors"


def test_a_name_is_written_to_the_users_folder_and_a_path_where_it_says(home, tmp_path):
    assert paths.place("mine", "models") == home / "models" / "mine.safetensors"
    assert (home / "models").is_dir()
    assert paths.place("./mine", "models") == Path("./mine")
    assert paths.place(tmp_path / "mine", "models") == tmp_path / "mine"
    with pytest.raises(UsageError, match="invalid name"):
        paths.place("my model", "models")


def test_a_home_that_cannot_be_made_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", "/dev/null/home")
    with pytest.raises(UsageError, match="cannot make the folder /dev/null/home/models: Not a directory"):
        paths.place("mine", "models")
    assert paths.list_checkpoints(kind="sessions") == {}


def test_a_recipe_is_a_name_first_and_then_a_file(folder, home):
    mine = touch(home / "recipes" / "mine.toml")
    text = touch(folder / "mytext.txt")

    assert paths.find_recipe("mine") == mine
    assert paths.find_recipe("mytext.txt").resolve() == text
    assert paths.find_recipe(str(text)) == text
    with pytest.raises(RecipeError, match="no recipe or file 'mien'; did you mean mine"):
        paths.find_recipe("mien")


def test_the_config_is_empty_without_a_file_and_an_error_when_it_is_no_toml(home):
    assert paths.read_config() == {}
    touch(home / "config.toml").write_text('[plugins]\ndisable = ["a"]\n')
    assert paths.read_config() == {"plugins": {"disable": ["a"]}}
    (home / "config.toml").write_text("[plugins")
    with pytest.raises(UsageError, match=r"config\.toml is not TOML: Expected"):
        paths.read_config()
    (home / "config.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not TOML"):
        paths.read_config()
