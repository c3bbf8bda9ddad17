"""The memory of a training is estimated before its first step, and one that cannot fit is refused."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import readable
from seqshell.host import Registry
from seqshell.training import chunked_loss, memory
from seqshell.training.loop import train
from seqshell.training.memory import MemoryEstimate, check_memory, estimate_memory
from seqshell.training.preparation import Prepared, prepare
from seqshell.training.recipes.recipe import recipe_from

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "memory.py"


def prepared(folder: Path, registry: Registry, **changes: Any) -> Prepared:
    """A word model of 500 words; 16 streams of 8 tokens."""
    (folder / "words.txt").write_text(" ".join(f"w{number * number % 499}" for number in range(3000)) + "\n")
    tables: dict[str, Any] = {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "words.txt"},
        "tokenizer": {"name": "whitespace"},
        "model": {"embed_size": 8, "hidden_size": 16, "num_layers": 1},
        "training": {"batch_size": 16, "sequence_length": 8, "epochs": 1, "device": "cpu", **changes},
    }
    return prepare(recipe_from(tables, name="words", folder=folder), registry)


def num_weights(made: Prepared) -> int:
    return sum(weight.numel() for weight in made.new_module().parameters())


def test_weights_are_counted_with_gradients_moments_average_and_best(tmp_path: Path, registry: Registry) -> None:
    adam, plain = prepared(tmp_path, registry), prepared(tmp_path, registry, optimizer="sgd", ema=0.0)

    assert estimate_memory(adam).weights == num_weights(adam) * 4 * 6
    assert estimate_memory(plain).weights == num_weights(plain) * 4 * 3


def test_logits_are_those_of_a_batch_unless_they_are_computed_in_parts(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(tmp_path, registry)
    whole = estimate_memory(made).logits
    monkeypatch.setattr(chunked_loss, "MOST_AT_ONCE", 10_000)
    monkeypatch.setattr(chunked_loss, "PART", 10_000)

    validation = memory.VALIDATION_COPIES * made.objective.validation_ids.size * made.tokenizer.size * 4
    assert whole == memory.LOGITS_COPIES * 16 * 8 * made.tokenizer.size * 4 + validation
    largest = max(weight.numel() for weight in made.new_module().parameters()) * 4
    few = 10_000 // (made.tokenizer.size * 4)  # targets of the validation, in one call
    validation = memory.VALIDATION_COPIES * few * made.tokenizer.size * 4
    assert estimate_memory(made).logits == memory.PART_COPIES * 10_000 + 2 * largest + validation


def test_activations_grow_with_the_batch(tmp_path: Path, registry: Registry) -> None:
    small, large = (prepared(tmp_path, registry, batch_size=size) for size in (4, 32))

    ratio = estimate_memory(large).activations / estimate_memory(small).activations
    assert 7 < ratio < 9
    assert estimate_memory(large).activations > 32 * 8 * 16 * 4 * 4  # three gates and an output


def test_an_estimate_draws_no_random_numbers(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(tmp_path, registry)
    expected, before = num_weights(made) * 4, torch.get_rng_state()
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # the import of torch's compiler, of a second, fails
    monkeypatch.delattr(Prepared, "new_module")  # for weights that cannot be built without numbers

    assert memory._size_of_weights(made) == expected
    monkeypatch.undo()
    estimate_memory(made)

    assert torch.equal(torch.get_rng_state(), before)


def test_a_training_that_cannot_fit_is_refused_before_the_first_step(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(tmp_path, registry)
    needed = estimate_memory(made)
    left = needed.batch // 2
    monkeypatch.setattr(memory, "free_memory", lambda device: needed.total - left)

    with pytest.raises(RecipeError, match=r"the training needs about 15\d MB of memory, and 15\d MB are free") as error:
        list(train(made.recipe, registry, tmp_path / "words.safetensors"))

    assert "lower training.batch_size (now 16; 8 fits) or training.sequence_length (now 8) or tokenizer.vocab_size" in (
        error.value.message
    )
    assert not (tmp_path / "words.safetensors").exists()


def test_weights_that_cannot_fit_are_never_built(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(tmp_path, registry)
    monkeypatch.setattr(memory, "free_memory", lambda device: 1000)

    assert estimate_memory(made).batch == 0
    with pytest.raises(RecipeError, match=r"1 kB are free .* or model.hidden_size \(now 16\)"):
        check_memory(made)


def test_a_model_that_fails_is_left_to_the_training_to_report(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepared(tmp_path, registry)

    def fail(*arguments: Any) -> None:
        raise RuntimeError("boom in forward")

    monkeypatch.setattr(type(made.objective), "loss", fail)

    assert estimate_memory(made).batch == 0
    check_memory(made)


def test_a_missing_device_is_named(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(RecipeError, match=r"words: training\.device: no device 'gpu'"):
        check_memory(prepared(tmp_path, registry, device="gpu"))


def test_unknown_free_memory_refuses_nothing(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: None)

    check_memory(prepared(tmp_path, registry))


@pytest.mark.parametrize(
    ("size", "text"), [(8_440_000_000, "8.4 GB"), (340_200_000, "340 MB"), (1000, "1 kB"), (999, "999 bytes")]
)
def test_sizes_are_shown_for_people(size: int, text: str) -> None:
    assert readable(size) == text


def test_the_peak_is_the_sum_of_all_parts() -> None:
    assert MemoryEstimate(weights=10, writing=5, activations=3, logits=1).total == memory.OVERHEAD + 19


@pytest.mark.slow
@pytest.mark.parametrize("name", ["word GRU, 3,000 words", "character LSTM"])
def test_the_estimate_is_near_the_measured_peak(name: str) -> None:
    spec = importlib.util.spec_from_file_location("memory_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)

    found = benchmark.measured(name)

    assert 0.5 < found["estimate"] / found["peak"] < 2
