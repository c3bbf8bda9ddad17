"""The files of presets: small TOML files, which are read and checked as a whole before anything changes.

    strategy = "sample"
    sampler = "top_k=40 temperature=0.8"
    max_tokens = 100                       # SETTINGS, too

Each key may be missing; a preset changes only what it has. `owners` names the plugins of samplers and strategies.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core import paths
from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.named_files import read_bytes
from seqshell.core.names import check_name, did_you_mean, unknown_name
from seqshell.core.setting_origins import BUILT_IN, CHECKPOINT
from seqshell.core.text_output import quoted
from seqshell.shell.presets import SETTINGS, Preset
from seqshell.shell.setting_specs import SHELL_SETTINGS, read_value

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.session import Session
    from seqshell.shell.settings import Settings

OWNERS = "owners"
KEYS = ("strategy", "sampler", *SETTINGS)
HAS = f"a preset has {', '.join(KEYS)}"
MAX_SIZE = 100_000  # bytes


def known() -> dict[str, Path]:
    """The files of the presets by name. A shipped preset has its name to itself."""
    return {**paths.own_presets(), **paths.shipped_presets()}


def find(name: str, registry: Registry) -> Preset:
    """The preset of a name. Raises UsageError if there is none, or as `read`."""
    files = known()
    if name not in files:
        raise unknown_name("preset", name, files)
    return read(name, files[name], registry)


def read(name: str, path: Path, registry: Registry) -> Preset:
    """Read and check a preset. Raises UsageError, with the file, for what is not valid or not available."""
    try:
        tables = tomllib.loads(read_bytes(path, most=MAX_SIZE).decode("utf-8"))
        return _checked(name, tables, registry)
    except ValueError as error:  # of tomllib, the encoding, or a number with thousands of digits
        raise UsageError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path} is not a preset: it is nested too deeply") from None
    except SeqshellError as error:
        if str(path) in error.message:
            raise
        raise UsageError(f"{path}: {error.message}", hint=error.hint, code=error.code) from None


def save(name: str, session: Session, settings: Settings) -> Path:
    """Write the strategy, the chain and those of SETTINGS that neither the model nor seqshell decided.

    Returns the file. Raises UsageError for an invalid or a shipped name, and if the file cannot be written.
    """
    from seqshell.decoding.syntax import format_chain, format_strategy
    from seqshell.models.ownership import decoding_owners
    from seqshell.training.recipes.toml import to_toml

    path = paths.named_output(_own_name(name, "replaced"), "presets", ".toml")
    answers = session.behaviour.answers
    strategy = format_strategy(session.strategy, answers.strategies)
    sampler = format_chain(session.chain, answers.samplers)
    entries = map(settings.entry, SETTINGS)
    values = {entry.name: entry.value for entry in entries if entry.origin not in (CHECKPOINT, BUILT_IN)}
    owners = decoding_owners([sampler], strategy, answers.samplers, answers.strategies)
    tables = {"strategy": strategy, "sampler": sampler, **values, **({OWNERS: owners} if owners else {})}
    write_atomically(path, to_toml(tables).encode("utf-8"))
    return path


def drop(name: str) -> Path:
    """Delete a preset of the user's and return its file. Raises UsageError if there is none, or a shipped one."""
    files = paths.own_presets()
    if _own_name(name, "deleted") not in files:
        raise unknown_name("preset", name, files)
    try:
        files[name].unlink()
    except OSError as error:
        raise UsageError(f"cannot delete {files[name]}: {error.strerror}") from None
    return files[name]


def _own_name(name: str, done: str) -> str:
    """The name. Raises UsageError if it is invalid or of a shipped preset, which cannot be `done`."""
    if check_name(name) in paths.shipped_presets():
        raise UsageError(f"{name} comes with seqshell and cannot be {done}; choose another name")
    return name


def _checked(name: str, tables: Mapping[str, Any], registry: Registry) -> Preset:
    from seqshell.decoding.syntax import parse_chain, parse_strategy, sampler_texts

    if not tables:
        raise UsageError(f"it is empty; {HAS}")
    for key in tables:
        if key not in (*KEYS, OWNERS):
            raise UsageError(f"unknown {quoted(key)}; {did_you_mean(key, KEYS, HAS)}")
    owners = tables.get(OWNERS)
    strategy, sampler = (_text(tables, key) for key in ("strategy", "sampler"))
    if strategy is not None:
        _require("strategy", strategy.partition(" ")[0], owners, registry)
    for stage, _ in sampler_texts(sampler or ""):
        _require("sampler", stage, owners, registry)
    return Preset(
        name,
        None if strategy is None else parse_strategy(strategy, registry.strategies),
        None if sampler is None else parse_chain(sampler, registry.samplers),
        {key: read_value(SHELL_SETTINGS[key], tables[key]) for key in SETTINGS if key in tables},
    )


def _text(tables: Mapping[str, Any], key: str) -> str | None:
    """A strategy or a chain as text, None if the preset has none."""
    text = tables.get(key)
    if text is not None and not (isinstance(text, str) and text.strip()):
        raise UsageError(f"{key} must be a text, as /{key} takes it")
    return None if text is None else str(text).strip()


def _require(kind: str, name: str, owners: Any, registry: Registry) -> None:
    """Raise UsageError if a sampler or a strategy of a plugin is missing; one without owner is the parser's concern."""
    if name in registry.offers(kind):
        return
    from seqshell.models.ownership import missing

    of_kind = owners.get(kind) if isinstance(owners, Mapping) else None
    entry = of_kind.get(name) if isinstance(of_kind, Mapping) else None
    if isinstance(entry, Mapping):
        title, reason, hint = missing(str(entry.get("owner", "")), str(entry.get("distribution", "")), registry)
        message = f"it needs the {kind} {quoted(name)}{title}, which no plugin offers{reason}"
        raise UsageError(message, hint=hint, code=f"unknown_{kind}")
