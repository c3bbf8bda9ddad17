"""From a recipe to a checkpoint: one training from its first sample text to its last, told in events."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from seqshell import places
from seqshell.errors import RecipeError
from seqshell.events import Event, Notice, Text
from seqshell.host import Registry
from seqshell.opening import save_checkpoint
from seqshell.training import curve, evaluation
from seqshell.training.preparation import prepare
from seqshell.training.recipe import Recipe, to_toml
from seqshell.training.run import Run, duration
from seqshell.training.samples import sample_text, starts


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
        curve.check_picture(picture)
    prepared = prepare(recipe, registry)
    out = places.place(recipe.name, "models") if out is None else out
    with _own(out.with_suffix(".run")) as folder:
        run = Run(prepared, folder)
        yield from _opening_remarks(run, resume)
        if resume:
            run.restore()
        else:
            run.place.first_sample = sample_text(prepared, _ready(run.average), registry, recipe.training.sample_length)
        try:
            for event in run.epochs(stopped):
                yield event
                if isinstance(event, Notice) and recipe.training.sample_every and run.place.epoch % recipe.training.sample_every == 0:
                    yield Notice(sample_text(prepared, _ready(run.average), registry, recipe.training.sample_length))
        except GeneratorExit:
            run.write()
            _keep(run, registry, out, _validation_figures(run))
            raise
        except KeyboardInterrupt:  # it may have come in the middle of an update, so that the resume file stays as it was
            _keep(run, registry, out, _validation_figures(run))
            raise
        except RecipeError as error:
            kept = f"; the best so far is kept in {_keep(run, registry, out, _validation_figures(run))}" if run.place.best else ""
            raise RecipeError(error.message + kept, hint=error.hint) from None
        yield from _closing_remarks(run, registry, out, picture, unfinished=stopped())


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
        raise RecipeError(f"cannot write to {folder}: {error.strerror or error}; choose another place with --out") from None


def _ready(module: Any) -> Any:
    module.eval()
    return module


def _opening_remarks(run: Run, resume: bool) -> Iterator[Event]:
    prepared, wanted = run.prepared, run.prepared.recipe.training
    what = f"{prepared.architecture.name} with {run.num_parameters:,} parameters, vocabulary {prepared.tokenizer.size}"
    yield Notice(f"{prepared.recipe.name}: {what}; {prepared.training_ids.size:,} tokens to train on, {prepared.validation_ids.size:,} to validate")
    if (prepared.batch_size, prepared.sequence_length) != (wanted.batch_size, wanted.sequence_length):
        yield Notice(f"the text is short: batches of {prepared.batch_size} x {prepared.sequence_length} tokens fit it")
    if run.resume_file.exists() and not resume:
        yield Notice(f"an earlier run in {run.folder} is replaced; --resume would have gone on with it")


def _validation_figures(run: Run) -> dict[str, Any]:
    """The best validation's figures, as `seqshell evaluate` has them."""
    return {"nats": run.place.best["validation"]} if run.place.best else {}


def _best_module(run: Run) -> Any:
    """A module with the best weights, or before any validation the average so far, rounded as the checkpoint will store them."""
    module = run.average
    weights = run.best_weights or module.state_dict()
    if run.settings.dtype == "float16":
        weights = {name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    module.load_state_dict(weights)
    return _ready(module)


def _keep(run: Run, registry: Registry, out: Path, metrics: dict[str, Any]) -> Path:
    """Write the checkpoint; run.average holds the best weights afterwards."""
    prepared, recipe = run.prepared, run.prepared.recipe
    module = _best_module(run).to(torch.device("cpu"))
    best = run.place.best or {}
    tables = recipe.tables()
    tables["data"]["text"] = prepared.data.name  # where it lay is nobody's business
    provenance = {
        "data": {"name": prepared.data.name, "sha256": prepared.data.sha256},
        "split": {"training": len(prepared.data.training), "validation": len(prepared.data.validation)},  # characters
        "metrics": metrics,
        "epoch": best.get("epoch", 0),
        "steps": best.get("step", run.place.step),
        "seed": recipe.training.seed,
        "precision": run.precision,
        "seconds": round(run.place.seconds, 1),
        "torch": str(torch.__version__),
        "recipe": to_toml(tables),
    }
    defaults = recipe.defaults
    return save_checkpoint(
        out,
        architecture=recipe.architecture,
        module=module,
        tokenizer=prepared.tokenizer,
        config=prepared.config,
        defaults={"strategy": defaults.strategy, "sampler": defaults.sampler, "max_tokens": defaults.max_tokens},
        examples=starts(prepared),
        about=defaults.about,
        provenance=provenance,
        dtype=recipe.training.dtype,  # type: ignore[arg-type]  # its setting has these two choices
        registry=registry,
    )


def _closing_remarks(run: Run, registry: Registry, out: Path, picture: Path | None, *, unfinished: bool) -> Iterator[Event]:
    """Keep the best, then tell figures, loss curve, a sample before and after, and the line that opens the model."""
    prepared, place = run.prepared, run.place
    run.write()  # first: _keep puts the best weights in the place of the average
    path = _keep(run, registry, out, _validation_figures(run))
    if unfinished:
        yield Notice(f"stopped after {place.step:,} of {run.total_steps:,} updates; --resume goes on from here")
    else:
        if run.is_stale:
            yield Notice(f"stopped early: no better validation in {place.stale} epochs")
        yield Notice("measuring the best weights on the whole validation text")
        metrics = evaluation.measure(_best_module(run), prepared.tokenizer, prepared.data.validation)
        _keep(run, registry, out, metrics)
        yield evaluation.figures_table(metrics)
    drawn = curve.draw(place.history)
    if drawn:
        yield Text(drawn)
    if picture is not None:
        curve.write_png(place.history, picture, prepared.recipe.name)
        yield Notice(f"the loss curve is in {picture}")
    yield Text(f"before training:\n{place.first_sample}")
    yield Text(f"after it:\n{sample_text(prepared, _ready(run.average), registry, prepared.recipe.training.sample_length)}")
    word = path.name.removesuffix(places.ENDING) if path.parent == places.folder("models") else str(path)
    best = f" of epoch {place.best['epoch']} of {prepared.recipe.training.epochs}" if place.best else ""
    yield Notice(f"{path} holds the weights{best}, after {duration(place.seconds)}")
    yield Text(f"seqshell -m {word}")
