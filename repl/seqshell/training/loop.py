"""From a recipe to a checkpoint: one training from its first sample text to its last, told in events."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from seqshell.core import paths
from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, Notice, Text
from seqshell.core.model import Task
from seqshell.host import Registry
from seqshell.models.saving import save_checkpoint
from seqshell.training import loss_curve
from seqshell.training.counting import new_run
from seqshell.training.pictures import check_picture
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import FILES
from seqshell.training.recipes.toml import to_toml
from seqshell.training.run import Run, duration

UNITS = {Task.FORECAST: "the error of the forecasts"}  # of the loss, where it is not nats


def train(
    recipe: Recipe,
    registry: Registry,
    out: Path | None = None,
    resume: bool = False,
    *,
    stopped: Callable[[], bool] = lambda: False,
    picture: Path | None = None,
) -> Iterator[Event]:
    """Train as the recipe wants it and write the checkpoint with the best weights, by default NAME.safetensors in the user's models folder.

    Beside it lies NAME.run/ with metrics.jsonl and the resume file, from which `resume` goes on bit for bit. Progress comes after every
    update. stopped: asked before every update; when true, the training ends in good order. Closing the generator keeps the best too.
    picture: where the loss curve goes as a PNG. RecipeError, of the data, the settings, or a loss that is no number.
    """
    if picture is not None:
        check_picture(picture)
    prepared = prepare(recipe, registry)
    out = paths.place(recipe.name, "models") if out is None else out
    with _own(out.with_suffix(".run")) as folder:
        run = new_run(prepared, folder)
        yield from _opening_notes(run, resume)
        if resume:
            run.restore()
        else:
            run.progress.first_sample = prepared.objective.sample(_ready(run.average), registry)
        try:
            for event in run.epochs(stopped):
                yield event
                if (
                    isinstance(event, Notice)
                    and recipe.training.sample_every
                    and run.progress.epoch % recipe.training.sample_every == 0
                ):
                    yield Notice(prepared.objective.sample(_ready(run.average), registry))
        except GeneratorExit:
            run.write()
            _keep(run, registry, out, _validation_metrics(run))
            raise
        except (
            KeyboardInterrupt
        ):  # it may have come in the middle of an update, so that the resume file stays as it was
            _keep(run, registry, out, _validation_metrics(run))
            raise
        except RecipeError as error:
            kept = (
                f"; the best so far is kept in {_keep(run, registry, out, _validation_metrics(run))}"
                if run.progress.best
                else ""
            )
            raise RecipeError(error.message + kept, hint=error.hint) from None
        yield from _closing_notes(run, registry, out, picture, unfinished=stopped())


@contextlib.contextmanager
def _own(folder: Path) -> Iterator[Path]:
    """The folder of a run, made where it is missing, and nobody else's while it lasts."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        with lock:
            yield folder
    except Timeout:
        raise RecipeError(f"another training writes to {folder}; choose another name with --out") from None
    except OSError as error:
        raise RecipeError(
            f"cannot write to {folder}: {error.strerror or error}; choose another place with --out"
        ) from None


def _ready(module: Any) -> Any:
    module.eval()
    return module


def _opening_notes(run: Run, resume: bool) -> Iterator[Event]:
    prepared = run.prepared
    size = (
        f" with {run.num_parameters:,} parameters" if run.num_parameters else ""
    )  # none before a model that is counted was
    what = f"{prepared.architecture.name}{size}, {prepared.num_tokens}"
    first, *others = prepared.objective.description.split("\n")
    yield Notice(f"{prepared.recipe.name}: {what}; {first}")
    yield from map(Notice, others)
    if run.resume_file.exists() and not resume:
        yield Notice(f"an earlier run in {run.folder} is replaced; --resume would have gone on with it")


def _validation_metrics(run: Run) -> dict[str, Any]:
    """The best validation's metrics, as `seqshell evaluate` has them."""
    return run.objective.as_measured(run.progress.best["validation"]) if run.progress.best else {}


def _best_module(run: Run) -> Any:
    """A module with the best weights, or before any validation the average so far, rounded as the checkpoint will store them."""
    module = run.average
    weights = run.best_weights or module.state_dict()
    if run.settings.dtype == "float16":
        weights = {
            name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
        }
    module.load_state_dict(weights)
    return _ready(module)


def _keep(run: Run, registry: Registry, out: Path, metrics: dict[str, Any]) -> Path:
    """Write the checkpoint; run.average holds the best weights afterwards."""
    prepared, recipe = run.prepared, run.prepared.recipe
    module = _best_module(run).to(torch.device("cpu"))
    best = run.progress.best or {}
    tables = recipe.tables()
    for key in FILES:
        tables["data"][key] = _without_folder(tables["data"][key])
    provenance = {
        "data": dict(prepared.objective.data),
        "split": dict(prepared.objective.split),
        "metrics": metrics,
        "epoch": best.get("epoch", 0),
        **({"averaged": best["averaged"]} if "averaged" in best else {}),
        "steps": best.get("step", run.progress.step),
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
    """The name of a file, or of each of several: where they lay is nobody's business. Other values stay as they are."""
    if isinstance(value, list | tuple):
        return [_without_folder(item) for item in value]
    return Path(value).name if isinstance(value, str) and value else value


def _closing_notes(
    run: Run, registry: Registry, out: Path, picture: Path | None, *, unfinished: bool
) -> Iterator[Event]:
    """Keep the best, then tell metrics, loss curve, a sample before and after, and the line that opens the model."""
    prepared, progress, recipe = run.prepared, run.progress, run.prepared.recipe
    run.write()  # first: _keep puts the best weights in the place of the average
    path = _keep(run, registry, out, _validation_metrics(run))
    if unfinished:
        yield Notice(f"stopped after {progress.step:,} of {run.total_steps:,} updates; --resume goes on from here")
    else:
        if run.is_stale:
            yield Notice(f"stopped early: no better validation in {progress.stale} epochs")
        if run.try_average():
            yield Notice(
                f"the average of the last {len(run.last_weights)} epochs' weights is better than the best epoch's, and is kept"
            )
        yield Notice("measuring the best weights on all of the validation data")
        metrics = prepared.objective.measure(_best_module(run))
        _keep(run, registry, out, metrics)
        yield prepared.objective.table(metrics)
    unit = UNITS.get(recipe.task, "nats")
    drawn = loss_curve.draw(progress.history, unit)
    if drawn:
        yield Text(drawn)
    if picture is not None:
        loss_curve.write_png(progress.history, picture, recipe.name, unit)
        yield Notice(f"the loss curve is in {picture}")
    yield Text(f"before training:\n{progress.first_sample}")
    yield Text(f"after it:\n{prepared.objective.sample(_ready(run.average), registry)}")
    word = path.name.removesuffix(paths.ENDING) if path.parent == paths.folder("models") else str(path)
    best = f" of epoch {progress.best['epoch']} of {prepared.recipe.training.epochs}" if progress.best else ""
    yield Notice(f"{path} holds the weights{best}, after {duration(progress.seconds)}")
    yield Text(f"seqshell -m {word}")
