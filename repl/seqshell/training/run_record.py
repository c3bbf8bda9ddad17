"""What run.json in a run folder says of a training: what was trained on what, how far it has come, and how it ended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import SeqshellError, reason_of
from seqshell.core.json_values import one_line
from seqshell.core.named_files import read_bytes
from seqshell.core.version import __version__
from seqshell.training.recipes.toml import to_toml
from seqshell.training.run_folder import RUN_FILE

if TYPE_CHECKING:
    import torch

    from seqshell.training.distributed.group import Group
    from seqshell.training.objective import Objective
    from seqshell.training.preparation import Prepared
    from seqshell.training.progress import TrainingProgress
    from seqshell.training.recipes.settings import TrainingSettings

STATUSES = RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


class Recorded(Protocol):
    """What is recorded of a Run."""

    folder: Path
    prepared: Prepared
    settings: TrainingSettings
    progress: TrainingProgress
    objective: Objective
    group: Group
    device: torch.device
    precision: str
    started: float  # seconds since 1970

    @property
    def unit(self) -> str: ...
    @property
    def num_parameters(self) -> int: ...
    @property
    def total_steps(self) -> int: ...
    @property
    def reason_to_stop(self) -> str: ...


def described(run: Recorded, status: str = RUNNING, reason: str = "") -> dict[str, Any]:
    """What run.json says. reason: why the training failed."""
    import torch

    prepared, progress, settings = run.prepared, run.progress, run.settings
    best, parent = progress.best, prepared.parent
    return {
        "task": str(prepared.recipe.task),
        "architecture": prepared.recipe.architecture,
        "parameters": run.num_parameters,
        "status": status,
        "reason": reason,
        "started": _moment(run.started),
        "ended": None if status == RUNNING else _moment(),
        "seconds": round(progress.seconds, 1),
        "epoch": progress.epoch,
        "epochs": settings.epochs,
        "step": progress.step,
        "steps": run.total_steps,
        "seed": settings.seed,
        "unit": run.unit,
        "best": None if best is None else {**best, "summary": run.objective.summary(best["validation"])},
        "data": dict(run.objective.data),
        "split": dict(run.objective.split),
        "parent": None if parent is None else parent.as_json(),
        "precision": run.precision,
        "device": str(run.device),
        "seqshell": __version__,
        "torch": str(torch.__version__),
        "recipe": to_toml(prepared.recipe.tables()),
    }


def _moment(seconds: float | None = None) -> str:
    """A time in UTC. seconds: since 1970; now if not given."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds")


@contextlib.contextmanager
def end_recorded(run: Recorded) -> Iterator[None]:
    """Record how the training in the block ends, unless it has written nothing."""
    status, reason = FAILED, ""
    try:
        yield
        is_over = run.progress.epoch >= run.settings.epochs or run.reason_to_stop
        status = FINISHED if is_over else STOPPED
    except (GeneratorExit, KeyboardInterrupt):
        status = STOPPED
        raise
    except BaseException as error:
        reason = reason_of(error).partition(";")[0]  # what follows is what to do
        raise
    finally:
        if run.group.is_writer and _has_written(run):
            with contextlib.suppress(SeqshellError, OSError):  # the training has said before that it cannot write
                write_atomically(run.folder / RUN_FILE, one_line(described(run, status, reason)).encode())


def _has_written(run: Recorded) -> bool:
    """Whether run.json is of this training, and not of an earlier one."""
    try:
        return bool(json.loads(read_bytes(run.folder / RUN_FILE))["started"] == _moment(run.started))
    except (SeqshellError, ValueError, LookupError, TypeError):
        return False
