"""The settings that plugins declare: where their values come from, and what is refused."""

import pytest

import seqshell
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.shell import Shell
from seqshell.shell.startup import Options, build_shell

LOG = """
from dataclasses import dataclass
import seqshell

@dataclass(frozen=True)
class Log:
    limit: int = seqshell.setting(10, low=1, high=99, help="the number of turns to keep")
    style: str = seqshell.setting("short", choices=("short", "long"))
    loud: bool = False
    path: str = ""

    def __post_init__(self):
        if self.path == "refused":
            raise ValueError("path must not be refused")

@seqshell.hookimpl
def seqshell_settings():
    return Log

@seqshell.hookimpl
def seqshell_turn(settings):
    return seqshell.Notice(f"{settings.limit} {settings.style}")
"""


@pytest.fixture
def written(home, tmp_path):
    """Return a function that writes log.py and config.toml, and returns the path of log.py."""

    def write(config="", log=LOG):
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(config, "utf-8")
        (tmp_path / "log.py").write_text(log, "utf-8")
        return str(tmp_path / "log.py")

    return write


@pytest.fixture
def shell(written):
    """Return a function: a shell with the plugin, as the command line describes it."""

    def build(config="", **settings):
        return build_shell(Options(plugins=(written(config),), settings=tuple(settings.items()), no_plugins=True))

    return build


def rows(shell, *names):
    entries = {entry.name: (entry.value, entry.setting.range, entry.origin) for entry in shell.settings.table()}
    return [entries[f"log.{name}"] for name in names]


def test_settings_are_shown_with_their_values_ranges_and_origins(shell):
    shell = shell('[plugins.log]\nlimit = 20\nstyle = "long"\n', **{"log.limit": "30"})
    list(shell.handle("/set log.loud on"))

    assert rows(shell, "limit", "style", "loud", "path") == [
        (30, "1 to 99", "command line"),
        ("long", "short or long", "config file"),
        (True, "on or off", "/set"),
        ("", "", "plugin"),
    ]
    assert shell.take_notices() == ()


def test_a_plugin_gets_its_settings_in_hooks_and_commands(shell):
    shell = shell()
    lines = ("/feed a", "/set log.limit 3", "/set log.style long", "/set log.limit default")

    outputs = [event for line in lines for event in shell.handle(line) if isinstance(event, seqshell.HookOutput)]

    assert [output.as_text() for output in outputs] == ["10 short", "3 short", "3 long", "10 long"]
    assert shell.settings.of("log").style == "long"
    assert shell.settings.of("samplers") is None


def test_default_returns_to_the_value_of_the_config_file(shell):
    shell = shell("[plugins.log]\nlimit = 20\n", **{"log.limit": "30"})

    assert shell.settings.set("log.limit", "5") == (5, 30)
    assert shell.settings.reset("log.limit") == (20, 5)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("log.limit", "0", "log.limit must be 1 to 99, not '0'"),
        ("log.style", "loud", "log.style must be short or long, not 'loud'"),
        ("log.path", "refused", "log: path must not be refused"),
        ("log.limt", "3", "there is no setting 'log.limt'; did you mean log.limit?"),
    ],
)
def test_invalid_values_are_refused_and_change_nothing(shell, name, value, message):
    opened = shell()
    with pytest.raises(seqshell.UsageError, match=f"^{message.replace('?', '.')}"):
        opened.settings.set(name, value)
    with pytest.raises(seqshell.UsageError, match=f"^{message.replace('?', '.')}"):
        shell(**{name: value})

    assert rows(opened, "limit", "style", "path") == [
        (10, "1 to 99", "plugin"),
        ("short", "short or long", "plugin"),
        ("", "", "plugin"),
    ]


def test_what_is_wrong_in_the_config_file_is_said_and_left_out(shell):
    shell = shell(
        '[plugins]\nloud = 3\n[plugins.log]\nlimit = "many"\nlimt = 3\nloud = true\n[plugins.samplers]\na = 1\n'
    )

    assert [notice.text for notice in shell.take_notices()] == [
        "config.toml:4: log.limit must be 1 to 99, not 'many'",
        "config.toml:5: [plugins.log] has no limt; it has limit, style, loud, path",
        "config.toml:7: [plugins.samplers]: the plugin samplers has no settings",
        "config.toml:2: [plugins] has no 'loud'; it has disable, and a table for each plugin with settings",
    ]
    assert rows(shell, "limit", "loud") == [(10, "1 to 99", "plugin"), (True, "on or off", "config file")]


@pytest.mark.parametrize(
    ("name", "warning"),
    [("lgo", ["config.toml:1: [plugins.lgo]: no plugin is called lgo; did you mean log?"]), ("elsewhere", [])],
)
def test_a_table_for_a_plugin_that_is_not_there_is_only_mentioned_if_it_looks_like_a_mistake(shell, name, warning):
    assert [notice.text for notice in shell(f"[plugins.{name}]\na = 1\n").take_notices()] == warning


def test_a_field_of_a_sampler_comes_before_a_setting_with_its_name(written):
    sampler = """
@dataclass(frozen=True)
class Log2:
    name = "log"
    limit: int = seqshell.setting(4, low=0, neutral=0)
    def __call__(self, logits, context):
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield Log2
"""
    path = written(log=LOG + sampler)
    shell = Shell(load_registry(Policy(no_plugins=True, extra=(path,))))
    shell.open("shakespeare")

    assert shell.settings.set("log.limit", "7") == (7, 0)
    assert [sampler.limit for sampler in shell.session.chain if sampler.name == "log"] == [7]
    assert shell.settings.set("log.style", "long") == ("long", "short")
    assert shell.settings.of("log").limit == 10


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("@dataclass(frozen=True)", "@dataclass"), "Log is not a frozen dataclass"),
        (
            ("    return Log\n", "    return Log()\n"),
            "it must return a frozen dataclass, not an object of the type Log",
        ),
        (("    return Log\n", "    pass\n"), "it must return a frozen dataclass, not an object of the type NoneType"),
        (("    return Log\n", "    1 / 0\n"), "ZeroDivisionError: division by zero"),
        (
            ("setting(10,", "setting(0,"),
            "the default of Log.limit is missing or not valid: limit must be 1 to 99, not 0",
        ),
        (('path: str = ""', 'path: str = "refused"'), "Log: path must not be refused"),
    ],
)
def test_a_plugin_with_invalid_settings_is_left_out_with_the_reason(written, change, reason):
    assert change[0] in LOG
    registry = load_registry(Policy(no_plugins=True, extra=(written(log=LOG.replace(*change)),)))

    (problem,) = registry.problems
    assert problem.message.startswith("the plugin log: seqshell_settings")
    assert reason in problem.message
    assert list(registry.settings) == []


def test_the_settings_of_a_plugin_that_fails_later_are_gone(shell):
    shell = shell()
    shell.registry.fail(shell.registry.plugin("log"), seqshell.PluginError("it failed"))

    with pytest.raises(seqshell.UsageError, match=r"there is no setting 'log\.limit'"):
        shell.settings.get("log.limit")
