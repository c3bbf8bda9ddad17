"""The model or ensemble that a training learns from besides the data, if its recipe names one.

With w = training.teacher_weight, the loss is (1 - w) times the usual one, plus w times the cross-entropy between the
teacher's distribution and the model's (Hinton et al. 2015, https://arxiv.org/abs/1503.02531, at temperature 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from seqshell.core import paths
from seqshell.core.errors import RecipeError, SeqshellError
from seqshell.core.events import Progress
from seqshell.core.model import Architecture, Model
from seqshell.core.named_files import named_path, shown_name
from seqshell.core.state import State
from seqshell.core.tasks import TASKS, task_spec
from seqshell.core.text_output import counted, quoted
from seqshell.core.tokenizers import Tokenizer
from seqshell.host import Registry, resolve
from seqshell.models.file import read_header, require_kind
from seqshell.models.mixture import other_vocabulary
from seqshell.models.opening import open_ensemble, open_model
from seqshell.training.distributed.group import Group
from seqshell.training.objective import Objective, TrainingBatch
from seqshell.training.optimizer import device_of
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import TEACHER_WEIGHT
from seqshell.training.torch_module import torch_module

KEY = "training.teacher"


@dataclass(frozen=True)
class Teacher:
    """An opened model or ensemble, and its torch module on the device of the training.

    words: its names and files. weight: the share of the loss that compares with it, more than 0.
    """

    model: Model
    module: Any
    words: tuple[str | Path, ...]
    weight: float

    @property
    def note(self) -> str:
        """What is said about it before the training."""
        return f"learning from {self.model.name}: {self.weight:.4g} of the loss compares with it"

    @property
    def num_bytes(self) -> int:
        """Of its weights."""
        return sum(tensor.nbytes for tensor in (*self.module.parameters(), *self.module.buffers()))

    @property
    def num_classes(self) -> int:
        """The size of its distributions."""
        return len(self.model.labels) or self.model.tokenizer.size

    def as_json(self) -> dict[str, Any]:
        """What the checkpoint records about it."""
        members = [{"name": each.name, "fingerprint": each.fingerprint} for each in self.model.members]
        return {
            "name": self.model.name,
            "fingerprint": self.model.fingerprint,
            **({"members": members} if members else {}),
        }

    def difference(self, tokenizer: Tokenizer, source_tokenizer: Tokenizer | None, labels: Sequence[str]) -> str:
        """What a training with these tokenizers and labels cannot learn from; "" if it can learn from this teacher."""
        own = self.model.labels
        if (of := other_vocabulary(self.model, tokenizer, source_tokenizer)) is not None:
            return f"another {of[0]} than the training ({of[1]}); a teacher needs the same one"
        if own == tuple(labels):
            return ""
        for these, those, has in ((labels, own, "no"), (own, labels, "a")):
            if others := [label for label in these if label not in those]:
                more = f" and {counted(len(others) - 1, 'other')}" if others[1:] else ""
                return f"other labels than the training: {has} label {quoted(others[0])}{more}"
        return "the labels of the training in another order"

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """Its module, for what is computed in the block: without gradients, and in float32."""
        with torch.no_grad(), torch.autocast(device_of(self.module).type, enabled=False):
            yield self.module

    def losses(self, logits: Tensor, labels: Tensor, probabilities: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """The losses [N] of a training with this teacher: the cross-entropy with the mean of both targets.

        logits: [N, C]. labels: [N]. probabilities: its own, [N, C]. label_smoothing s: the usual target is (1 - s)
        one-hot + s uniform.
        """
        # The sum of target * log_softmax(logits), without a target [N, C] and its passes through memory.
        usual = logits.gather(1, labels[:, None])[:, 0]
        if label_smoothing:
            usual = (1 - label_smoothing) * usual + label_smoothing * logits.mean(-1)
        taught = torch.linalg.vecdot(probabilities, logits)
        losses: Tensor = logits.logsumexp(-1) - (1 - self.weight) * usual - self.weight * taught
        return losses


@dataclass(frozen=True)
class Reader:
    """What reads the streams of a training: a module, and its teacher if there is one, whose states are one tuple."""

    module: Any
    teacher: Teacher | None

    def initial_state(self, batch_size: int = 1) -> State:
        """Of the module, or of both."""
        own = self.module.initial_state(batch_size)
        return own if self.teacher is None else (own, self.teacher.module.initial_state(batch_size))


def recorded_settings(teacher: Teacher | None) -> dict[str, Any]:
    """The settings of [training] about a teacher as a checkpoint records them: without folders."""
    if teacher is None:
        return {"teacher": "", "teacher_weight": TEACHER_WEIGHT}
    return {"teacher": "+".join(Path(word).name for word in teacher.words), "teacher_weight": teacher.weight}


class Answers(Protocol):
    """What a teacher says about the data of an objective that asks it once. num_bytes: 0 if nothing is remembered."""

    num_bytes: int

    def ask(self, group: Group, stopped: Callable[[], int]) -> Iterator[Progress]:
        """Ask about all of the training data and remember the answers, unless stopped() returns True."""

    def added_to(self, batch: TrainingBatch) -> TrainingBatch:
        """A batch as it will be when all has been asked."""


def answers_of(objective: Objective) -> Answers | None:
    """The attribute `answers` of an objective; None if it has none, or no teacher."""
    return getattr(objective, "answers", None)


def ask_teacher(objective: Objective, group: Group, stopped: Callable[[], int]) -> Iterator[Progress]:
    """Ask the teacher before the first step, if its answers are remembered."""
    if (answers := answers_of(objective)) is not None:
        yield from answers.ask(group, stopped)


def check_teacher(recipe: Recipe, registry: Registry, architecture: Architecture) -> None:
    """Check, before the data is read, the settings of a teacher and that there is a model of the same task.

    Raises RecipeError.
    """
    settings = recipe.training
    if not settings.teacher:
        if settings.teacher_weight != TEACHER_WEIGHT:
            raise RecipeError(f"{recipe.name}: training.teacher_weight has no effect without {KEY}")
        return
    if not task_spec(recipe.task).can_teach:
        known = ", ".join(name for name, spec in TASKS.items() if spec.can_teach)
        raise RecipeError(f"{recipe.name}: {KEY}: no teacher for task {recipe.task}; there are teachers for {known}")
    if hasattr(resolve(architecture.model), "count"):
        raise RecipeError(f"{recipe.name}: {KEY}: {architecture.name} is fitted by counting, so it has no teacher")
    for word in _members(recipe, registry):
        try:
            path = paths.find_checkpoint(word, registry.checkpoint_folders)
            header = read_header(path)
            require_kind(header, "model", path, word)
        except SeqshellError as error:
            raise _refused(recipe, error) from None
        if header["task"] != recipe.task:
            what = f"{shown_name(word)} is {task_spec(header['task']).noun}, not {task_spec(recipe.task).noun}"
            raise RecipeError(f"{recipe.name}: {KEY}: {what}")


def open_teacher(recipe: Recipe, registry: Registry, device: torch.device) -> Teacher:
    """Open the model or ensemble that `training.teacher` names. Raises RecipeError if it cannot be opened."""
    words = _members(recipe, registry)
    try:
        model = open_ensemble(words, registry) if len(words) > 1 else open_model(words[0], registry)
        module = torch_module(model, registry).to(device)
    except SeqshellError as error:
        raise _refused(recipe, error) from None
    return Teacher(model, module, tuple(words), recipe.training.teacher_weight)


def _members(recipe: Recipe, registry: Registry) -> list[str | Path]:
    """The names and files of the teacher's models; files are relative to the recipe."""
    named, base = recipe.training.teacher, recipe.folder
    words = paths.ensemble_members(named, registry.checkpoint_folders, base) or (named,)
    return [named_path(word, base, RecipeError) if paths.is_path(word) else word for word in words]


def _refused(recipe: Recipe, error: SeqshellError) -> RecipeError:
    return RecipeError(f"{recipe.name}: {KEY}: {error.message}", hint=error.hint)
