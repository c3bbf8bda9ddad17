"""The trainings whose run folders are there: what each has trained, how far it has come, and its figures.

Needs no torch. A file in a run folder may be damaged: then a report says so, and the others are still read.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import LossCurve
from seqshell.core.json_values import parsed
from seqshell.core.named_files import named_path, read_bytes, reason, shown_name
from seqshell.core.names import did_you_mean
from seqshell.core.strict_json import read_object
from seqshell.core.text_output import quoted
from seqshell.models.source_record import forget_record
from seqshell.training.loss_curve import loss_curve
from seqshell.training.run_folder import EVENTS, LOCK, MAX_METRICS, METRICS_FILE, RESUME_FILE, RUN_FILE
from seqshell.training.run_record import FAILED, RUNNING, STATUSES

RUN = ".run"  # the ending of a run folder
KILLED, DAMAGED = "killed", "damaged"
MAX_RECORD = 10_000_000  # bytes of run.json
MOST_UPDATES = 2**53
Record = dict[str, Any]

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "task": str,
    "architecture": str,
    "parameters": int,
    "status": str,
    "reason": str,
    "started": str,
    "ended": (str, type(None)),
    "seconds": (int, float),
    "epoch": int,
    "epochs": int,
    "step": int,
    "steps": int,
    "seed": int,
    "unit": str,
    "best": (dict, type(None)),
    "data": dict,
    "split": dict,
    "parent": (dict, type(None)),
    "precision": str,
    "device": str,
    "seqshell": str,
    "torch": str,
    "recipe": str,
}


@dataclass(frozen=True)
class RunReport:
    """What a run folder says. status: running, finished, stopped, failed, killed or damaged; reason: why.

    about: the fields of run.json; empty if nothing was written yet, or if it is damaged.
    """

    folder: Path
    status: str
    reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the model that the training writes."""
        return self.folder.stem

    @property
    def model(self) -> Path:
        """The file of this model, if it is still there."""
        return self.folder.with_suffix(paths.ENDING)

    @property
    def state(self) -> str:
        """The status, with the reason."""
        return f"{self.status}: {self.reason}" if self.reason else self.status

    @property
    def best(self) -> str:
        """The figures of the best weights in words; empty before there are any."""
        found = self.about.get("best") or {}
        return str(found.get("summary", ""))

    @property
    def parent(self) -> str:
        """The name of the model that the training started from; empty if it was none."""
        found = self.about.get("parent") or {}
        return str(found.get("name", ""))

    @property
    def data_hash(self) -> str:
        """The beginning of the sha256 of the data."""
        return str(self.about.get("data", {}).get("sha256", ""))[:8]

    def as_json(self) -> Record:
        """All of it, for JSON Lines."""
        state = {"status": self.status, "reason": self.reason}
        return {"name": self.name, "path": str(self.folder), **self.about, **state}


def run_folders() -> list[Path]:
    """The run folders in the user's folders of models and states, by name."""
    places = [paths.folder("models"), paths.folder("states")]
    found = [each for place in places if place.is_dir() for each in _runs_of(place)]
    return sorted(found, key=lambda each: each.name)


def list_runs() -> list[RunReport]:
    """The runs in the user's folders, by name."""
    return list(map(read_run, run_folders()))


def runs_in(word: str) -> list[tuple[str, RunReport]]:
    """The runs in another folder, with the paths that `find_run` takes; of a run folder, itself. UsageError if none."""
    folder = named_path(word)
    if is_run(folder):
        return [(word, read_run(folder))]
    if not folder.is_dir():
        raise UsageError(f"there is no folder {shown_name(word)}")
    return [(os.path.join(word, each.stem), read_run(each)) for each in _runs_of(folder)]


def _runs_of(place: Path) -> list[Path]:
    """The run folders in a folder, by name. UsageError if it cannot be read."""
    try:
        return sorted(each for each in place.iterdir() if is_run(each))
    except OSError as error:
        raise UsageError(f"cannot read {shown_name(place)}: {reason(error)}") from None


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return path.suffix == RUN and path.is_dir()


def find_run(word: str) -> RunReport:
    """The run of a name in the user's folders, or of a path: of the run folder or of its model. UsageError if none."""
    runs = {report.name: report for report in list_runs()}
    if not paths.is_path(word) and not word.endswith(RUN):
        if word not in runs:
            meant = did_you_mean(word, runs, "seqshell runs lists those in your folder; write ./NAME.run for another")
            raise UsageError(f"no run {shown_name(word)!r}; {meant}")
        return runs[word]
    path = named_path(word)
    if path.suffix != RUN and path.name not in ("", ".."):
        path = path.with_name(path.name.removesuffix(paths.ENDING) + RUN)
    if not is_run(path):
        raise UsageError(f"there is no run folder {shown_name(path)}")
    return read_run(path)


def read_run(folder: Path) -> RunReport:
    """The report of a run folder. What is wrong with it is in the report."""
    is_running = _is_locked(folder / LOCK)
    if not (folder / RUN_FILE).exists():
        if is_running:
            return RunReport(folder, RUNNING, "nothing written yet")
        has_figures = (folder / METRICS_FILE).exists()
        return RunReport(folder, DAMAGED, f"no {RUN_FILE}") if has_figures else RunReport(folder, KILLED, "no figures")
    try:
        about = _checked(read_object(read_bytes(folder / RUN_FILE, most=MAX_RECORD)))
    except UsageError as error:
        return RunReport(folder, DAMAGED, error.message)
    except ValueError as error:
        return RunReport(folder, DAMAGED, f"{RUN_FILE}: {error}")
    if about["status"] == RUNNING:
        return RunReport(folder, RUNNING if is_running else KILLED, "", about)
    if is_running:
        return RunReport(folder, RUNNING, "nothing written yet")  # the files are those of the training before
    return RunReport(folder, about["status"], about["reason"] if about["status"] == FAILED else "", about)


def _checked(about: Record) -> Record:
    """The fields of run.json. Raises ValueError if one is missing or of another type."""
    for name, kind in _FIELDS.items():
        if name not in about:
            raise ValueError(f"it has no {name!r}")
        if not isinstance(about[name], kind) or isinstance(about[name], bool):
            raise ValueError(f"{name!r} is {type(about[name]).__name__}")
        if isinstance(about[name], int) and abs(about[name]) > 2**64:
            raise ValueError(f"{name!r} is too large")
    if about["status"] not in STATUSES:
        raise ValueError(f"{quoted(about['status'])} is no status")
    return {name: about[name] for name in _FIELDS}


def _is_locked(lock: Path) -> bool:
    """Whether a training holds the lock of its folder."""
    if not lock.is_file():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def read_history(report: RunReport) -> list[Record]:
    """The records of a training, as in metrics.jsonl. UsageError if they are missing or damaged."""
    path = report.folder / METRICS_FILE
    try:
        records = [parsed(line) for line in read_bytes(path, most=MAX_METRICS).splitlines()]
        for record in records:
            _check(record)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise UsageError(f"{shown_name(path)} is damaged: it has other records than a training writes") from error
    return records


def _check(record: Any) -> None:
    """Raise ValueError or TypeError unless a record has what the figures need."""
    step = record["step"]
    if type(step) is not int or not 0 <= step < MOST_UPDATES:
        raise ValueError
    if "loss" in record:
        _check_number(record["loss"])
    elif type(record["epoch"]) is not int or not record["validation"]:
        raise ValueError
    else:
        values = record["validation"]
        _check_number(values.get("nats", next(iter(values.values()))))


def _check_number(value: Any) -> None:
    if type(value) not in (int, float) or (math.isfinite(value) and abs(value) > 1e300):
        raise ValueError


def curve_of(report: RunReport) -> LossCurve:
    """The loss curve of a run. UsageError if it has none yet, or if its figures are missing or damaged."""
    found = loss_curve(read_history(report), report.name, report.about.get("unit", "nats"))
    if not (found.training or found.validation):
        raise UsageError(f"{report.name} has no losses yet")
    return found


def remove_run(report: RunReport, *, model: bool = False) -> list[Path]:
    """Remove the files of a run, and with `model` the model that came of it. Returns what was removed.

    Files that no training writes stay, and with them the folder. UsageError while the training runs, or if a file
    cannot be removed.
    """
    if report.status == RUNNING:
        raise UsageError(f"{report.name} is still being trained; stop it first")
    removed = []
    try:
        for path in _own_files(report.folder):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not any(report.folder.iterdir()):
            report.folder.rmdir()
        removed.append(report.folder)
        if model and report.model.is_file():
            report.model.unlink()
            forget_record(report.model)
            removed.append(report.model)
    except OSError as error:
        raise UsageError(f"cannot remove {shown_name(report.folder)}: {error.strerror or error}") from None
    return removed


def _own_files(folder: Path) -> Iterator[Path]:
    """The files in a run folder that trainings write."""
    for name in (RUN_FILE, METRICS_FILE, RESUME_FILE, EVENTS, LOCK):
        if (folder / name).exists() or (folder / name).is_symlink():
            yield folder / name
