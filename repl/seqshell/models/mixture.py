"""A mixture of opened models as a model of its own, which has no file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from seqshell.core.errors import UsageError
from seqshell.core.model import Model, Task
from seqshell.core.text_output import exact
from seqshell.decoding.mixture import mixed

TASKS = (Task.GENERATE, Task.TRANSLATE)


def mixed_model(models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The model whose probabilities are the weighted means of those of models with one vocabulary.

    weights: relative to each other. Raises UsageError for models that cannot be mixed.
    """
    first = models[0]
    for model in models:
        if model.task not in TASKS or not model.causal:
            raise UsageError(f"{model.name} cannot be mixed: only models that write texts can, {' and '.join(TASKS)}")
        if model.task != first.task:
            raise UsageError(f"{model.name} is for {model.task}, and {first.name} for {first.task}")
        for of, one, other in (
            ("vocabulary", first.tokenizer, model.tokenizer),
            ("source vocabulary", first.source_tokenizer, model.source_tokenizer),
        ):
            if (one and one.to_json()) != (other and other.to_json()):
                sizes = f"{other.size if other else 0:,} and {one.size if one else 0:,} tokens"
                raise UsageError(f"{model.name} has another {of} than {first.name} ({sizes}), so they cannot be mixed")
    total = sum(weights)
    shares = [f"{model.name}={exact(round(weight / total, 4))}" for model, weight in zip(models, weights, strict=True)]
    parts = " ".join(f"{model.fingerprint} {weight / total!r}" for model, weight in zip(models, weights, strict=True))
    kept = {key: first.header[key] for key in ("defaults", "examples", "decoding_owners") if key in first.header}
    return Model(
        name="+".join(model.name for model in models),
        task=first.task,
        architecture="mixture",
        decoder=mixed([model.decoder for model in models], weights),
        tokenizer=first.tokenizer,
        fingerprint=hashlib.sha256(parts.encode()).hexdigest(),
        header={**kept, "architecture": "mixture", "about": f"A mixture of {', '.join(shares)}."},
        num_parameters=sum(model.num_parameters for model in models),
        source_tokenizer=first.source_tokenizer,
        grows="axis" if any(model.grows for model in models) else "",
    )
