"""Models, sessions and recipes are found by name or path, in a fixed order of folders."""

from pathlib import Path

import pytest

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, RecipeError, UsageError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_home_is_set_by_the_environment_else_it_is_the_systems_data_folder(home, monkeypatch):
    import platformdirs

    assert paths.home() == home
    assert paths.folder("sessions") == home / "sessions"
    assert not home.exists()
    monkeypatch.setenv("SEQSHELL_HOME", "~/elsewhere")
    assert paths.home() == Path.home() / "elsewhere"
    monkeypatch.setenv("SEQSHELL_HOME", "")
    assert paths.home() == Path(platformdirs.user_data_dir("seqshell", appauthor=False))


def test_the_shipped_folder_contains_the_recipes():
    assert (paths.shipped() / "README.md").is_file()
    assert (paths.shipped() / "recipes").is_dir()


def test_a_string_with_a_slash_or_the_ending_is_a_path():
    assert [paths.is_path(word) for word in ("a", "a.txt", "./a", "a/b", "a.safetensors")] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a/b", "..", "é", "a\n", "a" * 65])
def test_an_invalid_name_is_rejected(home, name):
    with pytest.raises(UsageError, match="invalid name"):
        paths.check_name(name)
    assert paths.check_name("a" * 64) == "a" * 64


def test_user_files_take_precedence_over_plugin_files_and_those_over_shipped_ones(home, tmp_path, monkeypatch):
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


def test_an_unknown_name_or_path_is_an_error_with_the_nearest_name(home):
    touch(home / "models" / "mine.safetensors")
    with pytest.raises(CheckpointError, match="no model 'mime'; did you mean mine"):
        paths.find_checkpoint("mime")
    touch(home / "recipes" / "mince.toml")
    with pytest.raises(CheckpointError, match=r"^no model 'mince'; seqshell train mince makes it$"):
        paths.find_checkpoint("mince")
    with pytest.raises(CheckpointError, match=r"no file '\./mime.safetensors'; did you mean mine"):
        paths.find_checkpoint("./mime.safetensors")
    with pytest.raises(CheckpointError, match="no saved session 'mine': none exists yet"):
        paths.find_checkpoint("mine", kind="sessions")


def test_a_path_is_used_as_it_is_even_if_a_model_has_that_name(folder, home):
    touch(home / "models" / "mine.safetensors")
    touch(folder / "mine.safetensors")
    assert paths.find_checkpoint("mine.safetensors") == Path("mine.safetensors")
    assert paths.find_checkpoint(folder / "mine.safetensors") == folder / "mine.safetensors"


def test_a_name_is_saved_in_the_users_folder_and_a_path_as_it_is(home, tmp_path):
    assert paths.output_path("mine", "models") == home / "models" / "mine.safetensors"
    assert (home / "models").is_dir()
    assert paths.output_path("./mine", "models") == Path("./mine")
    assert paths.output_path(tmp_path / "mine", "models") == tmp_path / "mine"
    with pytest.raises(UsageError, match="invalid name"):
        paths.output_path("my model", "models")


def test_a_home_that_cannot_be_created_is_reported_in_one_line(monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", "/dev/null/home")
    with pytest.raises(UsageError, match="cannot create the folder /dev/null/home/models: Not a directory"):
        paths.output_path("mine", "models")
    assert paths.list_checkpoints(kind="sessions") == {}


def test_a_recipe_is_found_by_name_first_and_then_as_a_file(folder, home):
    mine = touch(home / "recipes" / "mine.toml")
    text = touch(folder / "mytext.txt")

    assert paths.find_recipe("mine") == mine
    assert paths.find_recipe("mytext.txt").resolve() == text
    assert paths.find_recipe(str(text)) == text
    with pytest.raises(RecipeError, match="no recipe or file 'mien'; did you mean mine"):
        paths.find_recipe("mien")


def test_the_config_is_empty_without_a_file_and_an_error_if_it_is_not_toml(home):
    assert paths.read_config() == {}
    touch(home / "config.toml").write_text('[plugins]\ndisable = ["a"]\n')
    assert paths.read_config() == {"plugins": {"disable": ["a"]}}
    (home / "config.toml").write_text("[plugins")
    with pytest.raises(UsageError, match=r"config\.toml is not TOML: Expected"):
        paths.read_config()
    (home / "config.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not TOML"):
        paths.read_config()
