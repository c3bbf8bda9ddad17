"""Baselines for a classifier: the majority label, naive Bayes over n-grams, and a linear model over a bag of n-grams.

The n-grams are of characters (2 to 4, text boundaries included) or of words (1 and 2), whichever the model reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from seqshell.training.classification.metrics import class_metrics, confusion

Ints = NDArray[np.int64]
ORDERS = {"characters": (2, 4), "words": (1, 2)}  # shortest and longest n-grams
LEAST = {"characters": 1, "words": 2}  # training texts that must contain an n-gram for it to be used
MAX_CELLS = 40_000_000  # n-grams times labels; above, the rarest n-grams are dropped
SMOOTHING = 0.15  # naive Bayes adds this to each count
STRENGTH = 10.0  # C of the linear model: weight of the summed nats against half the squared weights
ITERATIONS = 60  # of L-BFGS
WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Bags:
    """The n-grams of R texts: row r has the distinct ids[starts[r] : starts[r + 1]], with their counts.

    ids, counts: [N]; starts: [R + 1]. num: number of different n-grams. unit: characters or words.
    """

    ids: Ints
    counts: Ints
    starts: Ints
    num: int
    unit: str

    def at(self, rows: Ints) -> Bags:
        """The bags of these rows."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate(([0], np.cumsum(sizes)))
        places = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes) + np.repeat(self.starts[rows], sizes)
        return Bags(self.ids[places], self.counts[places], starts, self.num, self.unit)

    def only(self, kept: NDArray[np.bool_]) -> Bags:
        """The bags with only the n-grams where kept [num] is True, renumbered."""
        stays = kept[self.ids]
        before = np.concatenate(([0], np.cumsum(stays)))
        new = np.cumsum(kept) - 1
        return Bags(new[self.ids[stays]], self.counts[stays], before[self.starts], int(kept.sum()), self.unit)

    @property
    def rows(self) -> Ints:
        """[N]: the row of each n-gram."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def make_bags(texts: Sequence[str], unit: str) -> Bags:
    """The n-grams of texts; words are lowercased."""
    known: dict[str, int] = {}
    # Ids start at 2: 1 is the boundary at both ends of a text, and 0 is unused so that keys of different orders differ.
    parts = [[known.setdefault(part, len(known) + 2) for part in _parts(text, unit)] for text in texts]
    lengths = np.array([len(row) + 2 for row in parts])
    line = np.concatenate([np.array([1, *row, 1], np.int64) for row in parts])
    owner = np.repeat(np.arange(len(texts)), lengths)
    base = len(known) + 2
    shortest, longest = ORDERS[unit]
    longest = min(longest, int(62 / math.log2(base)))  # an n-gram must fit into 64 bits
    keys, rows = [], []
    for order in range(shortest, longest + 1):
        ends = len(line) - order + 1
        key = np.zeros(max(0, ends), np.int64)
        for place in range(order):
            key = key * base + line[place : place + ends]
        inside = owner[: len(key)] == owner[order - 1 :]
        if order == 1:
            inside &= line > 1
        keys.append(key[inside])
        rows.append(owner[: len(key)][inside])
    different, ids = np.unique(np.concatenate(keys), return_inverse=True)
    cells, counts = np.unique(np.concatenate(rows) * len(different) + ids, return_counts=True)
    starts = np.searchsorted(cells, np.arange(len(texts) + 1) * len(different))
    return Bags(cells % len(different), counts, starts, len(different), unit)


def majority(labels: Ints, num_rows: int, num_classes: int) -> Ints:
    """The most frequent of `labels`, for each of num_rows texts."""
    return np.full(num_rows, np.bincount(labels, minlength=num_classes).argmax())


def naive_bayes(training: Bags, labels: Ints, others: Bags, num_classes: int) -> Ints:
    """Predict a label [R] for each of the others by naive Bayes: argmax of log p(label) + sum of log p(n-gram | label).

    labels: of the training rows. Both bags use the same n-gram ids; n-grams that are not in the training data are
    ignored. Manning et al. 2008, Introduction to Information Retrieval, chapter 13.
    """
    cells = labels[training.rows] * training.num + training.ids
    table = np.bincount(cells, weights=training.counts, minlength=num_classes * training.num).reshape(
        num_classes, training.num
    )
    logs = np.log((table + SMOOTHING) / (table.sum(axis=1, keepdims=True) + SMOOTHING * training.num))  # [C, F]
    priors = np.log(np.maximum(np.bincount(labels, minlength=num_classes), 1e-300) / len(labels))
    size = len(others.starts) - 1
    scores = [np.bincount(others.rows, weights=others.counts * each[others.ids], minlength=size) for each in logs]
    found: Ints = (np.stack(scores, axis=1) + priors).argmax(axis=1)
    return found


def linear(training: Bags, labels: Ints, others: Bags, num_classes: int) -> Ints:
    """Predict a label [R] for each of the others by logistic regression over n-gram sets, rows scaled to length 1.

    The weights minimise mean nats + squared weights / (2 STRENGTH rows), with full-batch L-BFGS.
    """
    weights, bias = torch.zeros(training.num, num_classes), torch.zeros(num_classes)
    expected = functional.one_hot(torch.from_numpy(labels), num_classes).float()
    inputs, transposed = _unit(training), _unit(training, by_ids=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=ITERATIONS, history_size=10, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )
    decay = 1 / (STRENGTH * len(labels))

    def loss() -> torch.Tensor:
        logs = (_sum(inputs, weights) + bias).log_softmax(1)
        error = (logs.exp() - expected) / len(labels)  # [R, C], gradient of the loss by the logits
        weights.grad = _sum(transposed, error) + decay * weights
        bias.grad = error.sum(0)
        return decay / 2 * weights.square().sum() - (expected * logs).sum() / len(labels)

    with torch.no_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch leaves it so
        found: Ints = (_sum(_unit(others), weights) + bias).argmax(1).numpy()
    return found


def compare(
    bags: Bags, labels: Ints, parts: Iterable[tuple[Ints, Ints]], num_classes: int
) -> dict[str, dict[str, float]]:
    """The metrics of each baseline by name, over all `parts`: (training rows, rows to predict). labels: of all rows."""
    predicted: dict[str, list[Ints]] = {"majority": [], "naive_bayes": [], "linear": []}
    true: list[Ints] = []
    for known, others in parts:
        training = bags.at(known)
        kept = _kept(training, num_classes)
        training, tested = training.only(kept), bags.at(others).only(kept)
        true.append(labels[others])
        predicted["majority"].append(majority(labels[known], len(others), num_classes))
        predicted["naive_bayes"].append(naive_bayes(training, labels[known], tested, num_classes))
        predicted["linear"].append(linear(training, labels[known], tested, num_classes))
    expected = np.concatenate(true).tolist()
    return {
        name: class_metrics(confusion(expected, np.concatenate(each).tolist(), num_classes))
        for name, each in predicted.items()
    }


def titles(unit: str) -> dict[str, str]:
    """The baselines' titles by name."""
    grams = f"{unit[:-1]} {ORDERS[unit][0]}- to {ORDERS[unit][1]}-grams"
    return {"majority": "majority label", "naive_bayes": f"naive Bayes, {grams}", "linear": f"linear, {grams}"}


def _parts(text: str, unit: str) -> Iterable[str]:
    return text if unit == "characters" else WORD.findall(text.lower())


def _kept(training: Bags, num_classes: int) -> NDArray[np.bool_]:
    """[num]: True for n-grams in at least LEAST training texts, at most MAX_CELLS / num_classes of them."""
    texts = np.bincount(training.ids, minlength=training.num)
    kept = texts >= LEAST[training.unit]
    most = MAX_CELLS // num_classes
    if kept.sum() > most:
        kept[np.argsort(-texts, kind="stable")[most:]] = False
    return kept


def _unit(bags: Bags, *, by_ids: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The sparse matrix [R, num] of the n-gram sets, rows scaled to length 1, as (columns, start of each row, values).

    by_ids: its transpose.
    """
    sizes = np.diff(bags.starts)
    values = np.repeat(1 / np.sqrt(np.maximum(1, sizes)), sizes).astype(np.float32)
    columns, starts = bags.ids, bags.starts[:-1].copy()
    if by_ids:
        order = np.argsort(bags.ids, kind="stable")
        columns, values = bags.rows[order], values[order]
        starts = np.searchsorted(bags.ids[order], np.arange(bags.num))
    return torch.from_numpy(columns), torch.from_numpy(starts), torch.from_numpy(values)


def _sum(matrix: tuple[torch.Tensor, torch.Tensor, torch.Tensor], table: torch.Tensor) -> torch.Tensor:
    """The product of a sparse matrix [R, F] and a table [F, C], without gradients."""
    columns, starts, values = matrix
    return functional.embedding_bag(columns, table, starts, mode="sum", per_sample_weights=values)
