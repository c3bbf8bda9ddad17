"""The loss of labelled texts: logits of the last token, class weights, and the criterion of the best epoch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.training.labelled_names import prepared

from seqshell.training.classification.evaluation import last_logits, mean_nats, predictions


class Sum(torch.nn.Module):
    """Its logits for the two labels are the sum of the ids read so far, and 0."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def initial_state(self, batch_size=1):
        return ()

    def forward(self, tokens, state):
        sums = tokens.cumsum(1) * self.scale
        return torch.stack((sums, torch.zeros_like(sums)), -1), state


def test_the_logits_are_those_after_the_last_token():
    inputs = torch.tensor([[1, 2, 0, 0], [3, 1, 1, 1]])

    assert last_logits(Sum(), inputs, causal=True).tolist() == [[3, 0], [6, 0]]


def test_predictions_do_not_depend_on_other_rows():
    ids = [[1, 2], [3], [1, 1, 1, 1, 1], [2]]
    found = {
        row: logs.tolist()
        for rows, logs in predictions(Sum(), ids, causal=True)
        for row, logs in zip(rows, logs, strict=True)
    }

    assert sorted(found) == [0, 1, 2, 3]
    for row, each in enumerate(ids):
        assert found[row] == pytest.approx(
            [-math.log1p(math.exp(-sum(each))), -math.log1p(math.exp(sum(each)))], rel=1e-5
        )
    assert mean_nats(np.array([[-1.0, -2.0], [-3.0, -0.5]], np.float32), np.array([1, 0])) == pytest.approx(2.5)


def test_class_weights_are_a_power_of_the_frequency(tmp_path):
    rows = [(f"a{number}", "a") for number in range(1000, 1020)] + [(f"b{number}", "b") for number in range(1000, 1005)]
    objective = prepared(tmp_path, rows, class_weights=0.5).objective
    counts = [16, 4]  # a fifth is held out
    raw = [(1 / count) ** 0.5 for count in counts]
    scale = 20 / sum(count * each for count, each in zip(counts, raw, strict=True))

    assert objective.weights.tolist() == pytest.approx([raw[0] * scale, raw[1] * scale])
    assert prepared(tmp_path, rows).objective.weights.tolist() == [1, 1]


def test_the_loss_is_the_weighted_mean_over_the_batch(tmp_path):
    rows = [(f"a{number}", "a") for number in range(1000, 1020)] + [(f"b{number}", "b") for number in range(1000, 1005)]
    objective = prepared(tmp_path, rows, class_weights=1.0, label_smoothing=0.2).objective
    batch = np.array([[1, 1, 0], [1, 0, 0]]), np.array([0, 1])
    first, second = objective.weights.tolist()
    logs = [[-math.log1p(math.exp(-total)), -math.log1p(math.exp(total))] for total in (2, 1)]
    smoothed = [-(0.8 * log[right] + 0.2 * sum(log) / 2) for log, right in zip(logs, (0, 1), strict=True)]

    loss, state, _ = objective.loss(Sum(), batch, ())
    assert loss.item() == pytest.approx((first * smoothed[0] + second * smoothed[1]) / 2, rel=1e-5)
    assert state == ()


def test_the_criterion_can_be_chosen(tmp_path):
    module = prepared(tmp_path).new_module().eval()

    def metrics(criterion):
        return prepared(tmp_path, criterion=criterion).objective.validate(module)

    plain = metrics("nats")
    assert list(plain) == ["nats", "accuracy", "macro_recall", "macro_f1"]
    assert next(iter(metrics("accuracy").values())) == pytest.approx(1 - plain["accuracy"], abs=1e-5)
    assert next(iter(metrics("macro_recall").values())) == pytest.approx(1 - plain["macro_recall"], abs=1e-5)
    assert next(iter(metrics("both").values())) == pytest.approx(
        1 - (plain["accuracy"] + plain["macro_recall"]) / 2, abs=1e-5
    )
    objective = prepared(tmp_path, criterion="both").objective
    assert objective.as_measured(objective.validate(module)) == plain


def test_nats_decide_between_equal_criteria(tmp_path):
    module = prepared(tmp_path).new_module().eval()
    objective = prepared(tmp_path, criterion="both").objective
    found = []
    for _ in range(2):
        found.append(objective.validate(module))
        with torch.no_grad():
            for parameter in module.readout.parameters():
                parameter *= 0.5  # the most likely label stays the same
    first, second = found

    assert first["accuracy"] == second["accuracy"]
    assert first["nats"] != second["nats"]
    assert (first["wanting"] < second["wanting"]) == (first["nats"] < second["nats"])


def test_an_unreadable_validation_text_counts_as_wrong(tmp_path):
    (tmp_path / "valid.tsv").write_text("text\tlabel\nΩΩ\tItalian\nbalini\tItalian\n")
    objective = prepared(tmp_path, data={"validation": "valid.tsv"}).objective
    module = prepared(tmp_path).new_module().eval()
    module.readout.weight.data.zero_()
    module.readout.bias.data.copy_(torch.tensor([5.0, 0.0, 0.0]))  # always predicts Italian

    assert objective.validate(module)["accuracy"] == 0.5
