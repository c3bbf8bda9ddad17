"""Fit the linear part of a classifier before the first step: a linear model of the n-grams that it reads.

Training then adds the recurrent part to it. The linear part knows the training texts better than any other text, so its
errors on them would teach the recurrent part too little. While training, each training text therefore gets the logits
of a linear model that was fitted without it (stacking, Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqshell.training.classification.bags import Bags, Ints, collect, frequent
from seqshell.training.classification.cross_validation import FOLDS, Labelled, choose_strength, held_out_logits, mixture
from seqshell.training.classification.data import folds
from seqshell.training.classification.encoding import EncodedExamples, LateExamples
from seqshell.training.classification.linear import LinearModel, unit_rows
from seqshell.training.data.batches import Ids, pad
from seqshell.training.data.token_rows import items_at

TOKENS = 16_384  # per call of the module, padding included


@runtime_checkable
class LinearPart(Protocol):
    """A classifier's module with a linear model of n-grams, which its recurrent part corrects."""

    @property
    def num_linear(self) -> int:
        """The number of n-grams that the linear part can have; 0 if there is no such part."""

    @property
    def counts_ngrams(self) -> bool:
        """True if the linear part uses an n-gram as often as it occurs, False if once."""

    def ngram_keys(self, tokens: Tensor) -> Tensor:
        """The keys of the n-grams of texts [B, T], padded on the right: [B, K] int64, -1 for no n-gram."""

    def set_linear(self, keys: Tensor, weights: Tensor, bias: Tensor) -> None:
        """Set the linear part and let the rest add nothing to it. keys: [F]; weights: [F, C]; bias: [C].

        Its logits are the bias and the sum of the weights of a text's known n-grams, divided by the root of their
        number.
        """


@dataclass(frozen=True)
class FittedPart:
    """keys: [F]; weights: [F, C]; bias: [C].

    corrections: [R, C] to add to the logits of every step-th training text, as if it had not been among them; the part
    is not fitted to the others.
    """

    keys: Ints
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    corrections: NDArray[np.float32]
    step: int = 1

    def corrections_of(self, rows: Ints) -> NDArray[np.float32]:
        """Those of some training texts, by their rows."""
        is_fitted = rows % self.step == 0
        return np.where(is_fitted[:, None], self.corrections[np.where(is_fitted, rows // self.step, 0)], np.float32(0))

    def put_into(self, module: LinearPart) -> str:
        """Set the linear part of a module; returns the part in words."""
        module.set_linear(*map(torch.from_numpy, (self.keys, self.weights, self.bias)))
        return f"a linear model of {len(self.keys):,} n-grams"


def with_linear_part(module: Any) -> LinearPart | None:
    """The module, if it has a linear part to fit."""
    return module if isinstance(module, LinearPart) and module.num_linear else None


def fit_to_some(
    module: LinearPart,
    training: EncodedExamples | LateExamples,
    texts: Sequence[str],
    *,
    weights: NDArray[np.float32],
    num_classes: int,
    unit: str,
    step: int,
) -> FittedPart:
    """Fit the linear part of a module to every step-th of the training texts, as `fit_linear_part` does.

    texts: of all examples. weights: [C], of a text by its label.
    """
    ids, some = training.at(np.arange(0, len(training), step))
    labels = training.labels[some].astype(np.int64)
    part = fit_linear_part(
        module,
        ids,
        labels,
        importance=weights[labels],
        folds=np.array(folds(items_at(texts, training.rows_of(some)), FOLDS)),
        num_classes=num_classes,
        unit=unit,
    )
    corrections = np.zeros((-(-len(training) // step), num_classes), np.float32)
    corrections[some // step] = part.corrections
    return replace(part, corrections=corrections, step=step)


def fit_linear_part(
    module: LinearPart,
    texts: Sequence[Ids],
    labels: Ints,
    *,
    importance: NDArray[np.float32],
    folds: Ints,
    num_classes: int,
    unit: str,
) -> FittedPart:
    """Fit the linear part of a module to texts, each a list of ids, with labels [R].

    It is a mixture of logistic regression and naive Bayes (Wang & Manning 2012, https://aclanthology.org/P12-2018),
    which is better with few texts.
    importance: [R], the weight of each text. folds: [R], of the cross-validation; equal texts are in one. unit: of the
    n-grams, see `bags.LEAST`.
    """
    keys, bags = _bags(module, texts, unit)
    kept = frequent(bags, module.num_linear)
    rows = unit_rows(bags.only(kept), counted=module.counts_ngrams)
    data = Labelled(rows, labels, folds, num_classes, importance.astype(np.float64))
    strength = choose_strength(data)

    def regression(part: Labelled) -> LinearModel:
        return part.fit(strength)

    unseen, others = held_out_logits(data, regression), held_out_logits(data, Labelled.naive_bayes)
    one, other = mixture(unseen, others, labels, data.importance)
    model = regression(data).mixed(one, data.naive_bayes(), other)
    corrections = one * unseen + other * others - model.logits(rows)
    weights, bias = model.weights.astype(np.float32), model.bias.astype(np.float32)
    return FittedPart(keys[kept], weights, bias, corrections.astype(np.float32))


def _bags(module: LinearPart, texts: Sequence[Ids], unit: str) -> tuple[Ints, Bags]:
    """The keys [F] of all n-grams of the texts, and the bags with their places among them."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    parts: list[tuple[Ints, Ints]] = []  # (row, key) of each n-gram
    start = 0
    while start < len(order):
        size = max(1, TOKENS // max(1, len(texts[order[min(len(order) - 1, start + 1023)]])))
        chosen = order[start : start + min(size, 1024)]
        keys = module.ngram_keys(torch.from_numpy(pad([texts[row] for row in chosen]))).numpy()
        places = np.nonzero(keys != -1)
        parts.append((np.array(chosen)[places[0]], keys[places]))
        start += len(chosen)
    rows, keys = (np.concatenate(part) for part in zip(*parts, strict=True))
    return collect(rows, keys, len(texts), unit)
