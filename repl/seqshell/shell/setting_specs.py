"""The shell's own settings, and how their values are read from text, TOML and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seqshell.core.config_places import config_place
from seqshell.core.errors import UsageError
from seqshell.core.json_values import parsed, unquoted
from seqshell.core.limits import MAX_STEPS, MAX_TOKENS, MAX_TURNS
from seqshell.core.names import did_you_mean
from seqshell.core.plugin_api import Setting
from seqshell.core.setting_origins import BUILT_IN
from seqshell.core.tasks import TASKS, task_spec
from seqshell.core.text_output import quoted
from seqshell.core.units import UNITS
from seqshell.shell.color_setting import OFF, ColorSetting, renamed

if TYPE_CHECKING:
    from seqshell.core.model import Model

MAX_STOP_TEXTS = 16
LONGEST_STOP_TEXT = 1000  # characters
CONFIG_TABLES = ("settings", "plugins")


@dataclass(frozen=True)
class Entry:
    """A setting in force. name: as /set takes it (top_k, repeat_penalty.window, beam.width). origin: where its value
    comes from.
    """

    name: str
    setting: Setting
    value: Any
    origin: str = BUILT_IN


def _declared(*settings: Setting) -> Mapping[str, Setting]:
    return MappingProxyType({setting.name: setting for setting in settings})


SHELL_SETTINGS: Mapping[str, Setting] = _declared(
    Setting("max_tokens", int, 200, low=1, high=MAX_TOKENS, help="the maximum number of tokens of an answer"),
    Setting("stop", tuple, (), help='texts that end an answer: one text, or several as ["A", "B"]; empty: none'),
    Setting("horizon", int, 24, low=1, high=MAX_STEPS, help="the number of steps of a forecast"),
    Setting(
        "unknown",
        str,
        "error",
        choices=("error", "skip"),
        help="what to do with characters that the vocabulary lacks: an error, or skip them and name them",
    ),
    Setting(
        "newline", str, "none", choices=("none", "before", "after"), help="add a newline before or after your messages"
    ),
    Setting(
        "nbest",
        int,
        1,
        low=1,
        high=100,
        neutral=1,
        help="number of best translations to show; more than one needs a search such as beam",
    ),
    Setting(
        "turns",
        int,
        0,
        low=0,
        high=MAX_TURNS,
        neutral=0,
        help="how many earlier messages and answers a dialogue model reads before each message",
    ),
    Setting("unk", bool, False, help="let the model write <unk> for a word that is not in its vocabulary"),
    Setting("replace_unk", bool, True, help="replace <unk> by the source word with the most attention"),
    Setting(
        "pace",
        float,
        0.0,
        low=0,
        high=10_000,
        neutral=0,
        help="the maximum number of tokens shown per second; 0: no limit",
    ),
    ColorSetting("color", str, OFF, help="colour the tokens of an answer by surprisal or by a unit of the state"),
    Setting("surprisal", bool, False, help="colour the tokens of an answer by their surprisal"),
    Setting(
        "unit",
        str,
        "nats",
        choices=UNITS,
        help="the unit of log-probabilities, surprisals, entropies and divergences; JSON has both",
    ),
    Setting(
        "suggest",
        str,
        "model",
        choices=("history", "model", "off"),
        help="the source of the grey suggestion at the prompt",
    ),
    Setting(
        "background",
        str,
        "auto",
        choices=("auto", "dark", "light"),
        help="the terminal's background, for colours that are readable on it; auto: what COLORFGBG says",
    ),
    Setting("keys", str, "emacs", choices=("emacs", "vi"), help="the keys for editing a line"),
    Setting(
        "snapshot_mb",
        float,
        256.0,
        low=1,
        high=1_000_000,
        help="the memory in MB for the snapshots of the session",
    ),
    Setting("autosave", bool, True, help="save the sessions of the open models when you leave"),
)
# Settings that a session holds itself, and its attributes for them.
ON_SESSION: Mapping[str, str] = MappingProxyType(
    {"snapshot_mb": "snapshot_mb", "unk": "draws_unknown", "replace_unk": "replaces_unknown"}
)
# Settings that the checkpoint of a model in the background decides, whatever was set for the current model.
OF_THE_MODEL = ("max_tokens", "stop", "horizon", "turns")


def defaults_of(model: Model, report: Callable[[str], None]) -> dict[str, Any]:
    """The shell's settings in the defaults of a checkpoint; invalid ones are reported."""
    found: dict[str, Any] = {}
    if model.series is not None and model.series.horizon > 1:
        found["horizon"] = model.series.horizon  # a model with one step at a time has no horizon of its own
    for name, value in model.header.get("defaults", {}).items():
        if name in SHELL_SETTINGS:
            try:
                meant, read = renamed(name, read_value(SHELL_SETTINGS[name], value))
                found[meant] = read
            except UsageError as error:
                report(f"{model.name}: {error.message}")
    return found


def is_for_task(name: str, task: str) -> bool:
    """Return whether the setting applies to models for the task: its spec names it, or no spec does."""
    return name in task_spec(task).settings or not any(name in spec.settings for spec in TASKS.values())


def unquoted_value(value: Any) -> Any:
    """A JSON string without its quotes and escapes; any other value unchanged."""
    text = unquoted(value) if isinstance(value, str) else None
    return value if text is None else text


def read_value(setting: Setting, value: Any) -> Any:
    """The value of a shell's setting from text that the user typed, TOML or JSON.

    Raises UsageError if it is invalid.
    """
    if setting.kind is not tuple:
        return setting.parse(unquoted_value(value))
    if isinstance(value, str) and value.startswith("["):
        try:
            value = parsed(value)
        except ValueError:
            value = [value]
    texts = (
        [unquoted_value(value)]
        if isinstance(value, str)
        else list(value)
        if isinstance(value, list | tuple)
        else [None]
    )
    if (
        not all(isinstance(text, str) and len(text) <= LONGEST_STOP_TEXT for text in texts)
        or len(texts) > MAX_STOP_TEXTS
    ):
        raise UsageError(
            f"{setting.name} must be at most {MAX_STOP_TEXTS} texts of at most {LONGEST_STOP_TEXT} characters, "
            f"not {str(value)[:60]!r}"
        )
    return tuple(text for text in texts if text)


def settings_of_config(read: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The [settings] of config.toml as {name: value}, and one message for each unknown key.

    Fields of samplers and strategies are named as /set does: `temperature = 0.8`, `repeat_penalty.window = 64`; they
    are checked when a model is opened.
    """
    problems = []
    for name, value in read.items():
        if name not in CONFIG_TABLES or not isinstance(value, dict):
            meant = did_you_mean(name, CONFIG_TABLES, "it has [settings] and [plugins]", form="[{}]")
            problems.append(f"{config_place(name)}: unknown {quoted(name)}; {meant}")
    settings, plugins = (table if isinstance(table := read.get(key), dict) else {} for key in CONFIG_TABLES)
    problems += [
        f"{config_place('plugins', name)}: [plugins] has no {quoted(name)}; it has disable, and a table for each plugin"
        " with settings"
        for name, value in plugins.items()
        if name != "disable" and not isinstance(value, dict)
    ]
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= (
            {f"{name}.{field}": inner for field, inner in value.items()} if isinstance(value, dict) else {name: value}
        )
    return flat, problems
