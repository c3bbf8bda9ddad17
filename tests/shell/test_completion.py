"""Completion: what may stand at the end of a line, with a shell and before there is one."""

from tests.shell.completed import described, texts

import seqshell
from seqshell.models.summary import about_file
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model


def test_commands_are_completed_before_the_shell_is_built():
    assert texts(None, "/und") == ["/undo"]
    assert {"/undo", "/load", "/set", "/help"} <= set(texts(None, "/"))
    assert texts(None, "/undo ") == []


def test_commands_come_with_the_first_line_of_their_help():
    shell = shell_for(tiny_model())
    ((text, about),) = complete(shell, "/und").items
    assert (text, about.startswith("Undo the last turn")) == ("/undo", True)
    assert ("/clear", "the same as /reset") in complete(shell, "/cl").items
    assert "/clear" not in texts(shell, "/")
    assert texts(shell, "/unod") == ["/undo"]


def test_messages_are_not_completed():
    shell = shell_for(tiny_model())
    for before in ("", "RO", "//un", "/# un", " /un"):
        assert texts(shell, before) == []
    assert complete(shell, "RO").start == 2


def test_hidden_commands_and_commands_of_other_tasks_are_not_completed():
    @seqshell.command("poem", hidden=True)
    def poem(shell, arguments):
        yield from ()

    @seqshell.command("poet", tasks=[seqshell.Task.CLASSIFY])
    def poet(shell, arguments):
        yield from ()

    plugin = type("Plugin", (), {"seqshell_commands": staticmethod(seqshell.hookimpl(lambda: [poem, poet]))})
    assert texts(shell_for(tiny_model(), plugins=[plugin]), "/poe") == []
    assert texts(shell_for(plugins=[plugin]), "/poe") == ["/poet"]


def test_settings_and_their_values_are_completed():
    shell = shell_for(tiny_model())
    assert texts(shell, "/set max_") == ["/set max_tokens"]
    assert texts(shell, "/set top_") == ["/set top_k", "/set top_p"]
    assert texts(shell, "/set unknown ") == ["/set unknown error", "/set unknown skip", "/set unknown default"]
    assert texts(shell, "/set autosave o") == ["/set autosave on", "/set autosave off"]
    assert texts(shell, "/set nonsense ") == []


def test_stages_and_strategies_are_completed():
    shell = shell_for(tiny_model())
    list(shell.handle("/sampler top_k=3"))
    assert "/sampler temperature=" in texts(shell, "/sampler temp")
    assert texts(shell, "/sampler -") == ["/sampler -top_k"]
    assert texts(shell, "/strategy gr") == ["/strategy greedy"]


def test_names_of_branches_models_and_sessions_are_completed(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    for kind in ("models", "sessions"):
        (tmp_path / kind).mkdir()
        tiny_checkpoint(tmp_path / kind / f"my-{kind}.safetensors")
    shell = shell_for(tiny_model())
    list(shell.handle("/branch other"))
    assert texts(shell, "/checkout ") == ["/checkout main", "/checkout other"]
    assert texts(shell, "/load my") == ["/load my-models", "/load my-sessions"]
    assert texts(shell, "/restore my") == ["/restore my-sessions"]
    assert texts(shell, "/close ") == ["/close tiny"]


def test_settings_strategies_and_samplers_are_described():
    shell = shell_for(tiny_model())
    assert described(shell, "/set surp") == {"/set surprisal": "colour the tokens of an answer by their surprisal"}
    assert described(shell, "/set top_k") == {}  # nothing to complete
    assert described(shell, "/set top_")["/set top_k"] == "keep the k most likely tokens; 0 keeps all"
    assert described(shell, "/set unknown d") == {
        "/set unknown default": "back to the value of the config file, the model or seqshell"
    }
    assert described(shell, "/strategy gr") == {
        "/strategy greedy": "Choose the most likely token, of equally likely ones the smallest id."
    }
    assert described(shell, "/strategy beam wid") == {
        "/strategy beam width=": "hypotheses that are continued at once; 1 is greedy"
    }
    assert described(shell, "/sampler +top_k") == {"/sampler +top_k=": "keep the k most likely tokens; 0 keeps all"}
    assert described(shell, "/help ke") == {"/help keys": "the keys of the prompt"}
    assert described(shell, "/help und")["/help undo"].startswith("Undo the last turn")


def test_models_sessions_and_recipes_are_described(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    for kind in ("models", "sessions", "recipes"):
        (tmp_path / kind).mkdir()
    tiny_checkpoint(tmp_path / "models" / "my-plays.safetensors", about="Writes plays.")
    tiny_checkpoint(tmp_path / "models" / "my-poems.safetensors")
    (tmp_path / "models" / "my-rubbish.safetensors").write_text("no model")
    (tmp_path / "recipes" / "my-recipe.toml").write_text('# Trains on plays. Seconds.\n\ntask = "generate"\n')
    shell = shell_for(tiny_model())
    shell.session.save(tmp_path / "sessions" / "my-session.safetensors")
    assert described(shell, "/load my-") == {
        "/load my-plays": "Writes plays.",
        "/load my-poems": "character RNN 1x8, 314 parameters",
        "/load my-rubbish": "",
        "/load my-session": "saved session of tiny",
    }
    assert described(shell, "/train my-") == {"/train my-recipe": "Trains on plays. Seconds."}
    assert described(shell, "/train my-recipe training.ep") == {
        "/train my-recipe training.epochs=": "passes through the training data"
    }


def test_the_description_of_a_file_follows_its_content(tmp_path):
    path = tmp_path / "a.safetensors"
    tiny_checkpoint(path, about="Writes plays.")
    assert about_file(path) == "Writes plays."
    tiny_checkpoint(path, about="Writes longer plays.")
    assert about_file(path) == "Writes longer plays."
    path.unlink()
    assert about_file(path) == ""


def test_checkpoints_and_folders_are_completed_where_a_model_is_expected(folder):
    (folder / "plays").mkdir()
    tiny_checkpoint(folder / "plays" / "hamlet.safetensors", about="Writes plays.")
    tiny_checkpoint(folder / "poems.safetensors")
    (folder / "poems.txt").touch()
    shell = shell_for(tiny_model())
    assert texts(shell, "/load ./") == ["/load ./plays/", "/load ./poems.safetensors"]
    assert described(shell, "/load ./plays/") == {"/load ./plays/hamlet.safetensors": "Writes plays."}
    assert texts(shell, f"/restore {folder}/po") == [f"/restore {folder}/poems.safetensors"]


def test_files_are_completed_after_an_at_sign_and_in_file_arguments(folder):
    (folder / "poems").mkdir()
    (folder / "poems" / "one.txt").touch()
    (folder / "my poem.txt").touch()
    (folder / ".hidden").touch()
    shell = shell_for(tiny_model())
    for anybody in (shell, None):
        assert texts(anybody, "/feed @po") == ["/feed @poems/"]
        assert texts(anybody, "/feed @poems/") == ["/feed @poems/one.txt"]
        assert texts(anybody, f"/feed @{folder}/poe") == [f"/feed @{folder}/poems/"]
        assert texts(anybody, "/feed @m") == ['/feed @"my poem.txt"']
        assert texts(anybody, "/feed @@po") == []
        assert texts(anybody, "/feed @nowhere/") == []
    assert texts(shell, "/feed @.h") == ["/feed @.hidden"]
    assert texts(shell, "/feed ") == ['/feed @"my poem.txt"', "/feed @poems/"]
    assert texts(shell, "/feed po") == texts(shell, "/feed my ") == texts(shell, "/neuron 0[0] po") == []  # a text
    assert texts(shell, "/probe po") == ["/probe poems/"]
    assert texts(shell, "/text -o po") == ["/text -o poems/"]
    assert texts(shell, "/source po") == ["/source poems/"]
    assert texts(shell, "/load ./po") == ["/load ./poems/"]
    assert texts(shell, "/undo po") == []


def test_options_of_a_command_are_completed():
    shell = shell_for(tiny_model())
    assert complete(shell, "/source --").items == (
        ("--step", "show the comments and put the lines into the prompt one by one"),
    )


def test_values_of_options_are_completed(tmp_path, monkeypatch, folder):
    """Choices, what an option's own completer offers, files and models; nothing else, even if the command completes."""
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    tiny_checkpoint(tmp_path / "models" / "plays.safetensors", about="Writes plays.")
    (folder / "notes.txt").touch()
    asked = []

    def counts(shell, text):
        asked.append(text)
        return {"10": "a few", "100": "many"}

    @seqshell.command(
        "poem",
        options=[
            seqshell.Option("--unit", "UNIT", choices=("words", "letters")),
            seqshell.Option("--most", "N", complete=counts),
            seqshell.Option("-m", "MODEL"),
            seqshell.Option("-o", "FILE"),
            seqshell.Option("--title", "TEXT"),
        ],
        complete=lambda shell, text: ["love", "nature"],
    )
    def poem(shell, arguments):
        yield from ()

    plugin = type("Plugin", (), {"seqshell_commands": staticmethod(seqshell.hookimpl(lambda: [poem]))})
    shell = shell_for(tiny_model(), plugins=[plugin])
    assert texts(shell, "/poem --unit ") == ["/poem --unit words", "/poem --unit letters"]
    assert texts(shell, "/poem --unit l") == ["/poem --unit letters"]
    assert described(shell, "/poem --unit words --most 10") == {"/poem --unit words --most 100": "many"}
    assert asked == ["--unit words --most 10"]
    assert described(shell, "/poem -m pl") == {"/poem -m plays": "Writes plays."}
    assert texts(shell, f"/poem -m {tmp_path}/models/p") == [f"/poem -m {tmp_path}/models/plays.safetensors"]
    assert texts(shell, "/poem -o n") == ["/poem -o notes.txt"]
    assert texts(shell, "/poem --title ") == []
    assert texts(shell, "/poem --title x ") == ["/poem --title x love", "/poem --title x nature"]


def test_values_of_strategies_and_recipe_keys_are_completed():
    shell = shell_for(tiny_model())
    assert texts(shell, "/strategy beam normalise=") == [
        f"/strategy beam normalise={value}" for value in ("gnmt", "average", "none")
    ]
    assert texts(shell, "/strategy beam width=2 early_stop=of") == ["/strategy beam width=2 early_stop=off"]
    assert texts(shell, "/train plays training.optimizer=adam") == ["/train plays training.optimizer=adamw"]
    assert described(shell, "/strategy beam width=1") == {}
    assert described(shell, "/strategy beam width=") == {
        "/strategy beam width=5": "the default",
        "/strategy beam width=1": "no effect",
    }


def test_files_are_completed_only_where_the_command_itself_takes_them(folder):
    (folder / "notes.txt").touch()
    shell = shell_for(tiny_model())
    assert texts(shell, "/top n") == []
    assert texts(shell, "/top -o n") == ["/top -o notes.txt"]
    assert texts(shell, "/record n") == ["/record notes.txt"]


def test_a_failing_completer_gives_no_completions():
    def fail(shell, text):
        raise RuntimeError("no")

    @seqshell.command("boom", complete=fail)
    def boom(shell, arguments):
        yield from ()

    plugin = type("Plugin", (), {"seqshell_commands": staticmethod(seqshell.hookimpl(lambda: [boom]))})
    assert texts(shell_for(tiny_model(), plugins=[plugin]), "/boom x") == []
