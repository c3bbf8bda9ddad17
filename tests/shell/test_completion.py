"""Completion: what may stand at the end of a line, with a shell and before there is one."""

import seqshell
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model


def texts(shell, before):
    found = complete(shell, before)
    return [before[: found.start] + text for text, _ in found.items]


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
    assert texts(shell, "/text -o po") == ["/text -o poems/"]
    assert texts(shell, "/source po") == ["/source poems/"]
    assert texts(shell, "/load ./po") == ["/load ./poems/"]
    assert texts(shell, "/undo po") == []


def test_options_of_a_command_are_completed():
    shell = shell_for(tiny_model())
    assert complete(shell, "/source --").items == (
        ("--step", "show the comments and put the lines into the prompt one by one"),
    )


def test_a_failing_completer_gives_no_completions():
    def fail(shell, text):
        raise RuntimeError("no")

    @seqshell.command("boom", complete=fail)
    def boom(shell, arguments):
        yield from ()

    plugin = type("Plugin", (), {"seqshell_commands": staticmethod(seqshell.hookimpl(lambda: [boom]))})
    assert texts(shell_for(tiny_model(), plugins=[plugin]), "/boom x") == []
