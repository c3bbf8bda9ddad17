"""A mixture of opened models as a model of its own, which has no file: an ensemble."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.model import Model
from seqshell.core.tasks import TASKS, task_spec
from seqshell.core.text_output import exact
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.decoding.mixture import mixed

KEPT = ("defaults", "examples", "decoding_owners", "languages")  # of the header of the first model
OF_TRAINING = ("data", "recipe")  # of its provenance, if all models were trained on the same data
OF_READING = ("max_length", "cut")  # of its config, by which a classifier cuts a text


def mixed_model(models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The model whose probabilities are the weighted means of those of models with one vocabulary.

    weights: relative to each other. Raises UsageError for models that cannot be mixed.
    """
    first = models[0]
    for model in models:
        _check(model, first)
    total = sum(weights)
    shares = tuple(weight / total for weight in weights)
    about = [f"{model.name}={exact(round(share, 4))}" for model, share in zip(models, shares, strict=True)]
    parts = " ".join(f"{model.fingerprint} {share!r}" for model, share in zip(models, shares, strict=True))
    return Model(
        name="+".join(model.name for model in models),
        task=first.task,
        architecture="mixture",
        decoder=mixed([model.decoder for model in models], weights),
        tokenizer=first.tokenizer,
        fingerprint=hashlib.sha256(parts.encode()).hexdigest(),
        causal=first.causal,
        header={**_kept(models), "architecture": "mixture", "about": f"A mixture of {', '.join(about)}."},
        num_parameters=sum(model.num_parameters for model in models),
        source_tokenizer=first.source_tokenizer,
        labels=first.labels,
        grows="axis" if any(model.grows for model in models) else "",
        members=tuple(models),
        shares=shares,
    )


def _check(model: Model, first: Model) -> None:
    """Raise UsageError if a model cannot be mixed, or not with the first one."""
    if not task_spec(model.task).can_mix:
        *others, last = (name for name, spec in TASKS.items() if spec.can_mix)
        known = f"{', '.join(others)} and {last}"
        raise UsageError(f"{model.name} cannot be mixed: its task is {model.task}; models for {known} can")
    if model.task != first.task:
        raise UsageError(f"{model.name} is for {model.task}, and {first.name} for {first.task}")
    if (of := other_vocabulary(model, first.tokenizer, first.source_tokenizer)) is not None:
        raise UsageError(f"{model.name} has another {of[0]} than {first.name} ({of[1]}), so they cannot be mixed")
    if model.labels != first.labels:
        raise UsageError(f"{model.name} has other labels than {first.name}, so they cannot be mixed")
    if (model.causal, _cut(model)) != (first.causal, _cut(first)):
        raise UsageError(f"{model.name} does not read a text as {first.name} does, so they cannot be mixed")


def other_vocabulary(model: Model, tokenizer: Tokenizer, source_tokenizer: Tokenizer | None) -> tuple[str, str] | None:
    """Which vocabulary of a model differs from those of these tokenizers, and the sizes of both; None if none does."""
    for of, one, other in (
        ("vocabulary", tokenizer, model.tokenizer),
        ("source vocabulary", source_tokenizer, model.source_tokenizer),
    ):
        if (one and one.to_json()) != (other and other.to_json()):
            return of, f"{other.size if other else 0:,} and {one.size if one else 0:,} tokens"
    return None


def _cut(model: Model) -> Cut:
    return Cut.of(model.header.get("config", {}))


def _kept(models: Sequence[Model]) -> dict[str, Any]:
    """What the header of the first model says about the mixture, too."""
    header = models[0].header
    kept = {key: header[key] for key in KEPT if key in header}
    if read := {key: value for key, value in header.get("config", {}).items() if key in OF_READING}:
        kept["config"] = read
    if (data := _provenance(models[0]).get("data")) and all(_provenance(each).get("data") == data for each in models):
        kept["provenance"] = {key: value for key, value in _provenance(models[0]).items() if key in OF_TRAINING}
    return kept


def _provenance(model: Model) -> Mapping[str, Any]:
    found = model.header.get("provenance")
    return found if isinstance(found, Mapping) else {}
