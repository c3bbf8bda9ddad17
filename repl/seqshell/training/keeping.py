"""Keep the best weights of a run as a checkpoint: in its place, else elsewhere, and in any case somewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors.torch import save

from seqshell.core import paths
from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import CheckpointError, SeqshellError, UnwritableError, reason_of
from seqshell.core.events import Event, Notice
from seqshell.host import Registry
from seqshell.kernels.batches import team
from seqshell.models.saving import save_checkpoint
from seqshell.models.task_parts.parts import Inputs
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.earlier_data import earlier_data, missing_note, scores_table
from seqshell.training.fitting import CalibratingObjective
from seqshell.training.objective import Metrics
from seqshell.training.preparation import Prepared
from seqshell.training.recipes.settings import FILES
from seqshell.training.recipes.toml import to_toml
from seqshell.training.run import Run
from seqshell.training.state_tuning import TunedState, save_tuned
from seqshell.training.stopping import without_criterion
from seqshell.training.teacher import recorded_settings

LARGEST_HALF = 65_504  # the largest float16


class Keeper:
    """Writes the best weights of a run.

    out: the place of the checkpoint, until it cannot be written.
    written: called with the path of each checkpoint that was written.
    """

    def __init__(self, run: Run, registry: Registry, out: Path, written: Callable[[Path], None]) -> None:
        self.run = run
        self.registry = registry
        self.out = out
        self.earlier = earlier_data(run.prepared, registry) if run.group.is_writer else None
        self.scores: dict[str, dict[str, Metrics]] = {}  # before and after, on the new and the parent's data
        self._written = written
        self._notes: list[Notice] = []
        self._told: set[str] = set()

    def take_notes(self) -> Iterator[Notice]:
        """The notes since the last call, each once in a training."""
        notes, self._notes = self._notes, []
        for note in notes:
            if note.text not in self._told:
                self._told.add(note.text)
                yield note

    def keep_best(self) -> Path | None:
        """Write the checkpoint with the metrics of the best validation, and return its path.

        None if there is no validation yet, or if another process writes.
        """
        best = self.run.progress.best if self.run.group.is_writer else None
        return self.keep(self.run.objective.as_measured(best["validation"])) if best else None

    def keep(self, metrics: Mapping[str, Any]) -> Path:
        """Write the checkpoint, and return its path. Afterwards run.average holds the best weights.

        If its place cannot be written, it is written to the models folder or to the folder for temporary files.
        Raises CheckpointError if it cannot be written at all; the weights are then in a file that the message names.
        """
        module, trained = self.best_module().to(torch.device("cpu")), self._trained(metrics)
        try:
            try:
                path = save_model(self.run.prepared, module, self.out, self.registry, trained, self._warn)
            except UnwritableError as error:
                path = self._keep_elsewhere(module, trained, error)
        except Exception as error:
            place = self._keep_weights()
            where = f"the best weights are in {place}, without config and tokenizer" if place else "nothing was kept"
            raise CheckpointError(f"no checkpoint could be written: {reason_of(error)}; {where}") from error
        self._written(path)
        return path

    def keep_what_can_be_kept(self) -> str:
        """Write the checkpoint after an error. Returns where the weights are, as a message; "" before there are any."""
        try:
            path = self.keep_best()
        except CheckpointError as error:
            return error.message
        return f"the best weights so far are in {path}" if path else ""

    def score_parent(self) -> None:
        """Measure the best weights of a training with a parent on the parent's validation data, too."""
        progress, earlier = self.run.progress, self.earlier
        if earlier is not None and progress.best is not None:
            first = next(record for record in progress.history if "validation" in record)
            first, last = (without_criterion(record["validation"]) for record in (first, progress.best))
            after = {"new": last, "parent": earlier.validate(self.best_module())}
            self.scores = {"before": {"new": first, "parent": progress.earlier}, "after": after}

    def compare_with_parent(self) -> Iterator[Event]:
        """The scores before and after the training, and a note if the parent's data are missing."""
        if self.earlier is not None and self.scores:
            yield scores_table(self.earlier, self.run.prepared, self.scores["before"], self.scores["after"])
            if note := missing_note(self.earlier):
                yield Notice(note)

    def best_module(self) -> Any:
        """The module with the best weights, rounded as the checkpoint stores them, and calibrated."""
        run = self.run
        module, weights = run.average, run.best_weights
        if stored_dtype(run.prepared, weights) == "float16":
            weights = {
                name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
                for name, tensor in weights.items()
            }
        module.load_state_dict(weights)
        module.eval()
        if isinstance(run.objective, CalibratingObjective):
            run.objective.calibrate(module)
        return module

    def _trained(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """What the checkpoint records about the run."""
        run, best = self.run, self.run.progress.best
        assert best is not None  # else there are no weights to keep
        parent = run.prepared.parent
        return {
            **({"parent": {**parent.as_json(), **self.scores}} if parent is not None else {}),
            "metrics": metrics,
            "epoch": best["epoch"],
            **({"averaged": best["averaged"]} if "averaged" in best else {}),
            "steps": best["step"],
            "seed": run.settings.seed,
            "precision": run.precision,
            "kernels": run.device.type == "cpu" and team.available(run.precision == "bf16"),
            "seconds": round(run.progress.seconds, 1),
        }

    def _keep_elsewhere(self, module: Any, trained: Mapping[str, Any], error: UnwritableError) -> Path:
        for path in _other_places(self.out):
            try:
                save_model(self.run.prepared, module, path, self.registry, trained, self._warn)
            except UnwritableError:
                continue
            self._warn(f"cannot write {self.out}: {error.reason}; the model is in {path} instead")
            self.out = path  # the next time, too
            return path
        raise error

    def _keep_weights(self) -> Path | None:
        """Write the best weights alone, as tensors. Returns their path, or None if no place can be written."""
        data = save({name: tensor.clone().contiguous() for name, tensor in self.run.best_weights.items()})
        for folder in (self.run.folder, Path(tempfile.gettempdir())):
            path = _free(folder / f"{self.out.stem}-weights{paths.ENDING}")
            try:
                write_atomically(path, data)
            except SeqshellError:
                continue
            return path
        return None

    def _warn(self, text: str) -> None:
        self._notes.append(Notice(text, "warning"))


def save_model(
    prepared: Prepared,
    module: Any,
    path: Path,
    registry: Registry,
    trained: Mapping[str, Any],
    warn: Callable[[str], None],
    inputs: Inputs | None = None,
) -> Path:
    """Write a checkpoint of a training, or the state that it trained.

    trained: what it records of the run, beside data and recipe.
    inputs: on which decoder and module are compared, see save_checkpoint; default, some of the training data.
    """
    recipe, objective = prepared.recipe, prepared.objective
    if isinstance(module, TunedState) and prepared.parent is not None:
        return save_tuned(module, prepared.parent.model, path)
    tables = recipe.tables()
    for key in FILES:
        tables["data"][key] = _without_folder(tables["data"][key])
    tables["training"]["parent"] = _without_folder(tables["training"]["parent"])
    tables["training"] |= recorded_settings(prepared.teacher)
    provenance = {
        "data": dict(objective.data),
        **({"parent": prepared.parent.as_json()} if prepared.parent is not None else {}),
        **({"teacher": prepared.teacher.as_json()} if prepared.teacher is not None else {}),
        "split": dict(objective.split),
        **trained,
        "torch": str(torch.__version__),
        "recipe": to_toml(tables),
    }
    defaults, dtype = recipe.defaults, stored_dtype(prepared, module.state_dict())
    if dtype != recipe.training.dtype:
        warn(f"the weights are stored as {dtype}: some are too large for {recipe.training.dtype}")
    return save_checkpoint(
        path,
        architecture=recipe.architecture,
        module=module,
        tokenizer=prepared.tokenizer,
        source_tokenizer=prepared.source_tokenizer,
        config=prepared.config,
        defaults={
            "strategy": defaults.strategy,
            "sampler": defaults.sampler,
            "max_tokens": defaults.max_tokens,
            **({"turns": defaults.turns} if defaults.turns else {}),
        },
        examples=objective.examples(),
        about=defaults.about,
        provenance=provenance,
        languages=filter(None, (recipe.data.source_language, recipe.data.target_language)),
        series=prepared.series,
        dtype=dtype,
        labels=prepared.labels,
        registry=registry,
        inputs=objective.inputs() if inputs is None else inputs,
        warn=warn,
    )


def stored_dtype(prepared: Prepared, weights: Mapping[str, torch.Tensor]) -> Literal["float32", "float16"]:
    """The number format of a checkpoint's weights: the recipe's, or float32 if float16 cannot hold one of them."""
    fits = all(
        float(each.abs().max()) <= LARGEST_HALF
        for each in weights.values()
        if each.is_floating_point() and each.numel()
    )
    return cast(Literal["float32", "float16"], prepared.recipe.training.dtype if fits else "float32")


def _other_places(out: Path) -> Iterator[Path]:
    """Free places for a checkpoint whose own place cannot be written."""
    try:
        folder = paths.folder("models")
        folder.mkdir(parents=True, exist_ok=True)
        yield _free(folder / out.name)
    except OSError:
        pass
    yield _free(Path(tempfile.gettempdir()) / out.name)


def _free(path: Path) -> Path:
    """The first path that does not exist: this one, or with -2, -3, ... before its ending."""
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(each for each in chain([path], others) if not each.exists())


def _without_folder(value: Any) -> Any:
    """Drop the folder from a file name or a list of them, so that a checkpoint reveals no local paths.

    Other values are returned as they are.
    """
    if isinstance(value, list | tuple):
        return [_without_folder(item) for item in value]
    if not isinstance(value, str) or not value or value.startswith(NOT_FILES):
        return value
    return Path(value).name
