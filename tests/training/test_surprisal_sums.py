"""A text in rows that are read together has the nats of one stream, whatever the model remembers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.training.text_models import TEXT, saved

from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.evaluation import evaluate_model
from seqshell.training.language import measuring, surprisal_sums
from seqshell.training.language.surprisal_sums import block_sum, carried_sum

IDS = np.random.default_rng(0).integers(0, 9, 1000)


class Remembering:
    """A model whose state is the share that is left of all tokens, and whose nats are the state and the target."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.steps = 0
        self.most_rows = 0

    def initial_state(self, batch_size: int = 1) -> np.ndarray:
        return np.zeros((batch_size, 1))

    def surprisals(self, inputs: np.ndarray, targets: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.steps += inputs.size
        self.most_rows = max(self.most_rows, len(inputs))
        found = []
        for token in inputs.T:
            state = state * self.share + token[:, None]
            found.append(state[:, 0])
        return np.stack(found, 1) + targets, state


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CHUNK": 10, "LEAST": 40, "LONGEST_ROW": 130}.items():
        monkeypatch.setattr(surprisal_sums, name, value)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [2, 161, 997])
@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_rows_follow_from_one_another(share: float, size: int, threads: int) -> None:
    model = Remembering(share)
    ids = IDS[:size]
    expected, state = 0.0, 0.0
    for token, target in pairwise(ids):
        state = state * share + token
        expected += state + target
    assert carried_sum(model, model.surprisals, ids, threads) == pytest.approx(expected, rel=1e-4)
    if size > 200:
        assert model.most_rows > 1
    if share == 0.7 and size > 600:
        assert model.steps < 1.5 * size


def test_the_last_short_block_is_included() -> None:
    for size in (2, 101, 102, 150, 999):
        model = Remembering(1.0)
        expected = 0.0
        for start in range(0, size - 1, 100):
            inputs, targets = (IDS[start + first : min(start + 100, size - 1) + first] for first in (0, 1))
            expected += float(inputs.cumsum().sum() + targets.sum())
        assert block_sum(model, model.surprisals, IDS[:size], 100, 2) == expected


@pytest.mark.usefixtures("compiled")
def test_compiled_steps_give_the_metrics_of_torch_without_it(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "tiny.safetensors", registry)
    (tmp_path / "data.txt").write_text(TEXT)
    assert open_model(path, registry).backend == "compiled"
    found = evaluate_model(path, str(tmp_path / "data.txt"), registry)
    monkeypatch.setattr(measuring, "OWN", ())
    expected = evaluate_model(path, str(tmp_path / "data.txt"), registry, device="cpu")
    for metric in ("nats", "bits_per_char", "bits_per_byte", "perplexity"):
        assert found[metric] == pytest.approx(expected[metric], abs=1e-6)
    assert found["data"] == expected["data"]
