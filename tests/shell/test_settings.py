"""The shell's settings: what they take, and which of the places that give a value wins."""

import tomllib
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

import seqshell
from seqshell.core.errors import UsageError
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.own_values import OwnValues
from seqshell.shell.setting_specs import SHELL_SETTINGS, settings_of_config
from seqshell.shell.settings import Settings
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_model


@dataclass(frozen=True)
class Wide:
    """A strategy with settings of its own."""

    name: ClassVar[str] = "wide"
    streams: ClassVar[bool] = True
    width: int = seqshell.setting(5, low=1, high=10)
    top_k: int = seqshell.setting(1, low=0)

    def search(self, decoder, start, request):
        yield from ()


class Plugin:
    """Offers it."""

    @staticmethod
    @seqshell.hookimpl
    def seqshell_strategies():
        yield Wide


def shell_with(*, config=None, command_line=None, defaults=None):
    """A shell on the tiny model with the three places that may give values."""
    registry = load_registry(Policy(no_plugins=True), modules=[Plugin])
    settings = Settings(registry.samplers, registry.strategies, config=config or {}, command_line=command_line or {})
    shell = Shell(registry, settings=settings)
    shell.workspace.add(replace(tiny_model(), header={"defaults": defaults or {}}))
    return shell


def value_and_origin(settings, name):
    return settings.get(name), settings.entry(name).origin


def test_command_line_config_file_checkpoint_and_defaults_take_precedence_in_this_order():
    places = {
        "defaults": {"max_tokens": 10, "sampler": "top_k=10 temperature=0.1"},
        "config": {"max_tokens": 20, "temperature": 0.2},
        "command_line": {"max_tokens": "30", "temperature": "0.3"},
    }
    given = {}
    expected = [((200, "built in"), (None, "built in")), ((10, "checkpoint"), (0.1, "checkpoint"))]
    expected += [((20, "config file"), (0.2, "config file")), ((30, "command line"), (0.3, "command line"))]
    for place, (max_tokens, temperature) in zip((None, *places), expected, strict=True):
        given |= {place: places[place]} if place else {}
        settings = shell_with(**given).settings
        assert value_and_origin(settings, "max_tokens") == max_tokens
        assert value_and_origin(settings, "temperature")[0] in (temperature[0], 1.0)  # 1 changes nothing
        assert value_and_origin(settings, "temperature")[1] == temperature[1]


def test_set_takes_precedence_and_default_resets_it():
    settings = shell_with(defaults={"max_tokens": 10, "sampler": "temperature=0.1"}, config={"top_k": 5}).settings
    assert settings.set("max_tokens", "40") == (40, 10)
    assert value_and_origin(settings, "max_tokens") == (40, "/set")
    assert settings.reset("max_tokens") == (10, 40)
    assert settings.set("temperature", "0.5") == (0.5, 0.1)
    assert value_and_origin(settings, "temperature") == (0.5, "/set")
    assert settings.reset("temperature") == (0.1, 0.5)
    assert settings.set("top_k", 7) == (7, 5)
    assert settings.reset("top_k") == (5, 7)
    assert value_and_origin(settings, "top_k") == (5, "config file")
    assert settings.set("top_k.k", 8) == (8, 5)
    assert settings.reset("top_k.k") == (5, 8)


def test_default_removes_a_stage_that_set_added():
    shell = shell_with(defaults={"sampler": "temperature=0.1"})
    shell.settings.set("top_k", "3")
    assert [stage.name for stage in shell.session.chain] == ["top_k", "temperature"]
    assert shell.settings.reset("top_k") == (0, 3)
    assert [stage.name for stage in shell.session.chain] == ["temperature"]


def test_every_field_of_the_chain_and_the_strategy_is_a_setting():
    shell = shell_with(defaults={"sampler": "repeat_penalty=1.1,window=8", "strategy": "wide width=3"})
    shown = {entry.name: (entry.value, entry.origin) for entry in shell.settings.table()}
    assert shown["repeat_penalty"] == (1.1, "checkpoint")
    assert shown["repeat_penalty.window"] == (8, "checkpoint")
    assert shown["wide.width"] == (3, "checkpoint")
    shell.settings.set("repeat_penalty.window", "16")
    assert shell.session.chain[0].window == 16
    assert shell.settings.get("repeat_penalty") == 1.1
    assert shell.settings.set("width", "4") == (4, 3)
    assert shell.settings.set("wide.width", "6") == (6, 4)
    assert shell.session.strategy == Wide(width=6)
    assert shell.settings.reset("width") == (3, 6)
    shell.settings.set("top_k", "9")  # the sampler's, which has the short name
    assert shell.session.strategy.top_k == 1
    shell.settings.set("wide.top_k", "2")
    assert shell.session.strategy.top_k == 2
    assert shell.settings.get("top_k") == 9


@pytest.mark.parametrize(
    ("name", "word", "message"),
    [
        ("max_tokens", "0", "max_tokens must be 1 to 1,000,000, not '0'"),
        ("max_tokens", "1000001", "max_tokens must be 1 to 1,000,000"),
        ("max_tokens", "many", "max_tokens must be 1 to 1,000,000, not 'many'"),
        ("max_tokens", "1.5", "max_tokens must be"),
        ("unknown", "ignore", "unknown must be error or skip, not 'ignore'"),
        ("newline", "NONE", "newline must be none, before or after"),
        ("pace", "-1", "pace must be 0 to 10,000"),
        ("pace", "nan", "pace must be"),
        ("autosave", "maybe", "autosave must be on or off"),
        ("stop", "x" * 1001, "stop must be at most 16 texts of at most 1000 characters"),
        ("stop", '["a", 1]', "stop must be at most 16 texts"),
        ("stop", str(["a"] * 17).replace("'", '"'), "stop must be at most 16 texts"),
        ("temperature", "-1", "temperature"),
        ("temperature", "hot", "temperature"),
        ("repeat_penalty.windw", "3", "there is no setting 'repeat_penalty.windw'"),
        ("max_token", "3", r"there is no setting 'max_token'; did you mean max_tokens\?"),
        ("tempature", "3", r"did you mean temperature\?"),
        ("wide.width", "3", "width is a setting of the strategy wide; /strategy wide width=3 selects it"),
        ("", "3", "there is no setting ''"),
    ],
)
def test_invalid_values_are_reported_and_change_nothing(name, word, message):
    shell = shell_with(defaults={"sampler": "temperature=0.5"})
    before = shell.settings.table()
    with pytest.raises(UsageError, match=message):
        shell.settings.set(name, word)
    assert shell.settings.table() == before


def test_stop_takes_one_text_or_several():
    settings = shell_with().settings
    for word, texts in {
        '"\\n\\n"': ("\n\n",),
        "END": ("END",),
        '["a", "b\\n"]': ("a", "b\n"),
        "[a": ("[a",),
        '""': (),
        "[1]x": ("[1]x",),
    }.items():
        assert settings.set("stop", word)[0] == texts
    assert settings.set("stop", ["x"])[0] == ("x",)


def test_every_setting_of_the_shell_has_help_and_takes_its_own_default():
    settings = shell_with().settings
    for name, setting in SHELL_SETTINGS.items():
        assert setting.help
        assert settings.set(name, setting.default)[0] == setting.default


def test_settings_for_other_tasks_are_not_in_the_table():
    names = shell_with().settings.names()
    assert "max_tokens" in names
    assert "horizon" not in names


def test_errors_in_a_config_file_are_warnings():
    read = {
        "settings": {"max_tokens": 5, "repeat_penalty": {"window": 3}},
        "setings": {},
        "plugins": {"disable": [], "disabel": []},
        "x": 1,
    }
    found, problems = settings_of_config(read)
    assert found == {"max_tokens": 5, "repeat_penalty.window": 3}
    assert problems == [
        "config.toml: unknown 'setings'; did you mean [settings]?",
        "config.toml: unknown 'x'; it has [settings] and [plugins]",
        "config.toml: [plugins] has no 'disabel'; it has disable, and a table for each plugin with settings",
    ]
    shell = shell_with(config={"max_tokens": "lots", "temprature": 1, "pace": 5, "top_k": -1})
    assert [notice.text for notice in shell.take_notices()] == [
        "config.toml: max_tokens must be 1 to 1,000,000, not 'lots'",
        "config.toml: there is no setting 'temprature'; did you mean temperature?",
        "config.toml: top_k must be at least 0, not -1",
    ]
    assert shell.settings.get("pace") == 5
    assert shell.settings.get("max_tokens") == 200
    assert shell.take_notices() == ()


def test_errors_on_the_command_line_are_errors():
    with pytest.raises(UsageError, match="temprature"):
        shell_with(command_line={"temprature": "1"})
    with pytest.raises(UsageError, match="max_tokens must be"):
        shell_with(command_line={"max_tokens": "no"})


def test_another_model_has_its_own_defaults():
    shell = shell_with(defaults={"max_tokens": 10, "sampler": "temperature=0.1"}, command_line={"top_k": "3"})
    shell.settings.set("temperature", "0.9")
    shell.workspace.add(
        replace(tiny_model(seed=1), header={"defaults": {"max_tokens": 11, "sampler": "temperature=0.2"}})
    )
    assert value_and_origin(shell.settings, "max_tokens") == (11, "checkpoint")
    assert value_and_origin(shell.settings, "temperature") == (0.2, "checkpoint")
    assert value_and_origin(shell.settings, "top_k") == (3, "command line")
    shell.workspace.use("tiny")
    assert value_and_origin(shell.settings, "max_tokens") == (10, "checkpoint")
    assert value_and_origin(shell.settings, "temperature") == (0.9, "/set")


def test_values_are_a_view_of_the_shells_settings_that_later_changes_do_not_affect():
    settings = shell_with(defaults={"max_tokens": 10}).settings
    values = settings.values()
    settings.set("max_tokens", "5")
    assert (values["max_tokens"], settings.values()["max_tokens"]) == (10, 5)
    with pytest.raises(TypeError):
        values["max_tokens"] = 1


def test_values_for_a_session_in_the_background_do_not_change_it():
    shell = shell_with(defaults={"max_tokens": 10})
    model = replace(tiny_model(seed=1), name="other", header={"defaults": {"max_tokens": 11, "stop": "b"}})
    session = shell.workspace.add(model, background=True)
    shell.settings.set("max_tokens", "5")
    shell.settings.set("snapshot_mb", "2")
    values = shell.settings.values_for(session)
    assert (values["max_tokens"], values["stop"], values["snapshot_mb"]) == (11, ("b",), 2)
    assert session.snapshot_mb == 256
    shell.settings.apply(session, values)
    assert session.snapshot_mb == 2


def test_an_answer_reads_the_settings_once(monkeypatch):
    shell, reads = shell_with(), []
    read = OwnValues.entry
    monkeypatch.setattr(OwnValues, "entry", lambda self, name: reads.append(name) or read(self, name))
    counts = []
    for tokens in ("2", "100"):
        shell.settings.set("max_tokens", tokens)
        reads.clear()
        list(shell.handle("abc"))
        counts.append(len(reads))
    assert counts[0] == counts[1] <= 2 * len(SHELL_SETTINGS)


def test_snapshot_mb_applies_to_all_sessions():
    shell = shell_with()
    shell.settings.set("snapshot_mb", "2")
    assert shell.session.snapshot_mb == 2
    shell.workspace.add(tiny_model(seed=1))
    assert shell.session.snapshot_mb == 2


def test_a_setting_of_the_chain_needs_a_model():
    shell = shell_with()
    shell.workspace.close("tiny")
    assert shell.settings.get("max_tokens") == 200
    with pytest.raises(UsageError, match="temperature belongs to a model, and none is open"):
        shell.settings.set("temperature", "1")


@pytest.mark.parametrize("text", ["plugins = 1", "settings = 3.5", "plugins = [1]\nsettings = true"])
def test_a_table_of_the_config_that_is_no_table_is_reported(text):
    """Each with its name; all other settings hold."""
    names = [line.split(" ")[0] for line in text.split("\n")]
    found, problems = settings_of_config(tomllib.loads(text))

    assert found == {}
    assert problems == [f"config.toml: unknown '{name}'; did you mean [{name}]?" for name in names]
