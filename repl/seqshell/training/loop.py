"""Train a recipe: from the data to a checkpoint, reported as events."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from seqshell.core import paths
from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, Notice, Text
from seqshell.core.tasks import task_spec
from seqshell.host import Registry
from seqshell.models.saving import save_checkpoint
from seqshell.training import loss_curve
from seqshell.training.counting import new_run
from seqshell.training.fitting import fit_first, gained_nothing
from seqshell.training.pictures import check_picture
from seqshell.training.preparation import prepare
from seqshell.training.progress import duration
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import FILES
from seqshell.training.recipes.toml import to_toml
from seqshell.training.run import Run


def train(
    recipe: Recipe,
    registry: Registry,
    out: Path | None = None,
    resume: bool = False,
    *,
    stopped: Callable[[], bool] = lambda: False,
    picture: Path | None = None,
) -> Iterator[Event]:
    """Train a recipe and write the best weights to `out`, by default NAME.safetensors in the user's models folder.

    NAME.run/ beside the checkpoint holds metrics.jsonl and the resume file; `resume` continues from it and gives the
    same bits as an uninterrupted training. Yields Progress after every batch.

    stopped: called before every batch; when it returns True, training ends and the best weights are kept, as when the
    generator is closed. Before the first validation there are none: then no checkpoint is written.
    picture: PNG file for the loss curve.
    Raises RecipeError for invalid data or settings and for a loss that is NaN or infinite.
    """
    if picture is not None:
        check_picture(picture)
    prepared = prepare(recipe, registry)
    out = paths.output_path(recipe.name, "models") if out is None else out
    with _locked(out.with_suffix(".run")) as folder:
        run = new_run(prepared, folder)
        yield from _opening_notes(run, resume)
        if resume:
            run.restore()
        else:
            run.progress.first_sample = prepared.objective.sample(_ready(run.average), registry)
        try:
            for event in itertools.chain(fit_first(run), run.epochs(stopped)):
                yield event
                if (
                    isinstance(event, Notice)
                    and recipe.training.sample_every
                    and run.progress.epoch % recipe.training.sample_every == 0
                ):
                    yield Notice(prepared.objective.sample(_ready(run.average), registry))
        except GeneratorExit:
            _write_resume(run)
            _keep_best(run, registry, out)
            raise
        except KeyboardInterrupt:
            # It may have come in the middle of an update, so the resume file is left as it is.
            _keep_best(run, registry, out)
            raise
        except RecipeError as error:
            kept = ""
            if path := _keep_best(run, registry, out):
                kept = f"; the best weights so far are in {path}"
            raise RecipeError(error.message + kept, hint=error.hint) from None
        _write_resume(run)  # before _keep_best, which loads the best weights into run.average
        if run.progress.best:
            yield from _closing_notes(run, registry, out, picture, unfinished=stopped())
        else:
            yield Notice(f"no model written: {_stopped_at(run)}")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Create the run folder if it is missing and lock it against other trainings."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        with lock:
            yield folder
    except Timeout:
        raise RecipeError(f"another training is writing to {folder}; choose another name with --out") from None
    except OSError as error:
        reason = error.strerror or error
        raise RecipeError(f"cannot write to {folder}: {reason}; choose another place with --out") from None


def _ready(module: Any) -> Any:
    module.eval()
    return module


def _opening_notes(run: Run, resume: bool) -> Iterator[Event]:
    prepared = run.prepared
    yield from map(Notice, prepared.recipe.understood)
    # A model that is fitted by counting has no parameters yet.
    size = f" with {run.num_parameters:,} parameters" if run.num_parameters else ""
    what = f"{prepared.architecture.name}{size}, {prepared.sizes}"
    first, *others = prepared.objective.description.split("\n")
    yield Notice(f"{prepared.recipe.name}: {what}; {first}")
    yield from map(Notice, others)
    if run.resume_file.exists() and not resume:
        yield Notice(f"replacing an earlier run in {run.folder}; --resume would have continued it")


def _write_resume(run: Run) -> None:
    """Write the resume file, unless nothing was trained: it may belong to an earlier run."""
    if run.progress.done or run.progress.best:
        run.write()


def _stopped_at(run: Run) -> str:
    """Where a training was stopped, and how it continues."""
    if not run.progress.done:
        return "stopped before the first step"
    return f"stopped after {run.progress.step:,} of {run.total_steps:,} steps; --resume continues from here"


def _best_module(run: Run) -> Any:
    """The module with the best weights, rounded as the checkpoint stores them."""
    module, weights = run.average, run.best_weights
    if run.settings.dtype == "float16":
        weights = {
            name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
        }
    module.load_state_dict(weights)
    return _ready(module)


def _keep_best(run: Run, registry: Registry, out: Path) -> Path | None:
    """Write the checkpoint with the metrics of the best validation. None before there is one: nothing is written."""
    best = run.progress.best
    return _keep(run, registry, out, run.objective.as_measured(best["validation"])) if best else None


def _keep(run: Run, registry: Registry, out: Path, metrics: dict[str, Any]) -> Path:
    """Write the checkpoint. Afterwards run.average holds the best weights."""
    prepared, recipe, best = run.prepared, run.prepared.recipe, run.progress.best
    assert best is not None  # else there are no weights to keep
    module = _best_module(run).to(torch.device("cpu"))
    tables = recipe.tables()
    for key in FILES:
        tables["data"][key] = _without_folder(tables["data"][key])
    tables["training"]["parent"] = _without_folder(tables["training"]["parent"])
    provenance = {
        "data": dict(prepared.objective.data),
        **({"parent": prepared.parent.as_json()} if prepared.parent is not None else {}),
        "split": dict(prepared.objective.split),
        "metrics": metrics,
        "epoch": best["epoch"],
        **({"averaged": best["averaged"]} if "averaged" in best else {}),
        "steps": best["step"],
        "seed": recipe.training.seed,
        "precision": run.precision,
        "seconds": round(run.progress.seconds, 1),
        "torch": str(torch.__version__),
        "recipe": to_toml(tables),
    }
    defaults = recipe.defaults
    return save_checkpoint(
        out,
        architecture=recipe.architecture,
        module=module,
        tokenizer=prepared.tokenizer,
        source_tokenizer=prepared.source_tokenizer,
        config=prepared.config,
        defaults={"strategy": defaults.strategy, "sampler": defaults.sampler, "max_tokens": defaults.max_tokens},
        examples=prepared.objective.examples(),
        about=defaults.about,
        provenance=provenance,
        languages=filter(None, (recipe.data.source_language, recipe.data.target_language)),
        series=prepared.series,
        dtype=recipe.training.dtype,  # type: ignore[arg-type]  # its setting has these two choices
        labels=prepared.labels,
        registry=registry,
    )


def _without_folder(value: Any) -> Any:
    """Drop the folder from a file name or a list of them, so that a checkpoint reveals no local paths.

    Other values are returned as they are.
    """
    if isinstance(value, list | tuple):
        return [_without_folder(item) for item in value]
    return Path(value).name if isinstance(value, str) and value else value


def _closing_notes(
    run: Run, registry: Registry, out: Path, picture: Path | None, *, unfinished: bool
) -> Iterator[Event]:
    """Write the best weights; yield metrics, loss curve, samples, and the command that opens the model."""
    prepared, progress, recipe = run.prepared, run.progress, run.prepared.recipe
    path, best = _keep_best(run, registry, out), run.progress.best
    assert path is not None
    assert best is not None  # the caller has checked it
    if unfinished:
        yield Notice(_stopped_at(run))
    else:
        if run.reason_to_stop and progress.epoch < run.settings.epochs:
            yield Notice(f"stopped after epoch {progress.epoch} of {run.settings.epochs}: {run.reason_to_stop}")
        if run.try_average():
            number = len(run.last_weights)
            yield Notice(
                f"keeping the average of the last {number} epochs' weights, which is better than the best epoch"
            )
        if note := gained_nothing(run):
            yield Notice(note)
        yield Notice("evaluating the best weights on all validation data")
        metrics = prepared.objective.measure(_best_module(run))
        _keep(run, registry, out, metrics)
        yield prepared.objective.table(metrics)
    unit = task_spec(recipe.task).loss_unit
    drawn = loss_curve.draw(progress.history, unit)
    if drawn:
        yield Text(drawn)
    if picture is not None:
        loss_curve.write_png(progress.history, picture, recipe.name, unit)
        yield Notice(f"wrote the loss curve to {picture}")
    yield Text(f"sample before training:\n{progress.first_sample}")
    yield Text(f"sample after training:\n{prepared.objective.sample(_ready(run.average), registry)}")
    name = path.name.removesuffix(paths.ENDING) if path.parent == paths.folder("models") else str(path)
    weights = "fitted weights" if "fitted" in best else f"weights of epoch {best['epoch']} of {recipe.training.epochs}"
    yield Notice(f"wrote {path}: {weights}, {duration(progress.seconds)} of training")
    yield Text(f"seqshell -m {name}")
