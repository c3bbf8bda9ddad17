"""Evaluating language models: both protocols compared with reading token by token."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.text_models import TEXT, VOCABULARY, saved

from seqshell.core.errors import CheckpointError, RecipeError, VocabularyError
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Registry
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.training import chunked_loss
from seqshell.training.data import large_text
from seqshell.training.data.file_format import FileFormat
from seqshell.training.evaluation import evaluate_model
from seqshell.training.language import evaluation, measuring
from seqshell.training.language.measuring import evaluate_text
from seqshell.training.torch_module import torch_module


def surprisals(path: Path, registry: Registry, text: str, block: int) -> list[float]:
    """Nats of each token but the first, read one at a time; the state is reset every `block` targets."""
    model = open_model(path, registry)
    ids = model.tokenizer.encode(text)
    found = []
    for index, target in enumerate(ids[1:]):
        if index % block == 0:
            state = model.decoder.initial_state(1)
        outputs, state = model.decoder.step(np.array([ids[index]]), state)
        logits = outputs[0].astype(np.float64)
        found.append(float(np.log(np.exp(logits).sum()) - logits[target]))
    return found


def test_a_checkpoint_with_a_tensor_that_the_module_does_not_have_is_refused(
    checkpoint_path: Path, registry: Registry
) -> None:
    """Its decoder reads only those that it knows, so the model opens."""
    header, weights = file.read(checkpoint_path)
    file.write(checkpoint_path, header, {**weights, "more.bias": np.zeros(2, np.float32)})
    model = open_model(checkpoint_path, registry)
    with pytest.raises(CheckpointError, match=r"more\.bias is \[2\], but the config implies none$"):
        torch_module(model, registry)


def test_both_protocols_equal_reading_token_by_token(checkpoint_path: Path, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text(TEXT)

    measured = evaluate_model(checkpoint_path, str(tmp_path / "data.txt"), registry, device="cpu")

    carried, blocks = (
        surprisals(checkpoint_path, registry, TEXT, 10**9),
        surprisals(checkpoint_path, registry, TEXT, 256),
    )
    assert measured["nats"] == pytest.approx({"carry": np.mean(carried), "blocks256": np.mean(blocks)}, abs=1e-5)
    assert (
        abs(measured["nats"]["carry"] - measured["nats"]["blocks256"]) > 1e-4
    )  # resetting the state makes a difference
    assert measured["bits_per_char"]["carry"] == pytest.approx(np.mean(carried) / math.log(2), abs=1e-5)
    assert measured["perplexity"]["blocks256"] == pytest.approx(math.exp(np.mean(blocks)), abs=1e-4)
    assert measured["data"] == {
        "name": "data.txt",
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "items": 720,
        "tokens": 720,
    }
    assert (measured["model"], measured["task"]) == ("tiny", "generate")
    assert measured["tokens_per_second"] > 0


@pytest.mark.parametrize("length", [2, 256, 257, 258, 513])
def test_the_last_short_block_is_included(checkpoint_path: Path, registry: Registry, length: int) -> None:
    text = TEXT[:length]
    module = torch_module(open_model(checkpoint_path, registry), registry)
    ids = np.array(CharTokenizer(VOCABULARY).encode(text))

    assert evaluation.cold_blocks(module, ids, len(VOCABULARY), batch_size=1) == pytest.approx(
        np.mean(surprisals(checkpoint_path, registry, text, 256)), abs=1e-5
    )
    assert evaluation.cold_blocks(module, ids, len(VOCABULARY)) == pytest.approx(
        evaluation.cold_blocks(module, ids, len(VOCABULARY), batch_size=1), abs=1e-6
    )


def test_the_state_is_carried_from_call_to_call(
    checkpoint_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = torch_module(open_model(checkpoint_path, registry), registry)
    ids = np.array(CharTokenizer(VOCABULARY).encode(TEXT))
    at_once = evaluation.carried(module, ids, len(VOCABULARY))
    monkeypatch.setattr(evaluation, "CHUNK", 100)

    assert evaluation.carried(module, ids, len(VOCABULARY)) == pytest.approx(at_once, abs=1e-6)


def test_logits_of_a_large_vocabulary_are_computed_in_shorter_calls(
    checkpoint_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = torch_module(open_model(checkpoint_path, registry), registry)
    ids = np.array(CharTokenizer(VOCABULARY).encode(TEXT))
    at_once = evaluation.carried(module, ids, len(VOCABULARY), batch_size=2)
    cold = evaluation.cold_blocks(module, ids, len(VOCABULARY), block=50)
    monkeypatch.setattr(chunked_loss, "MOST_AT_ONCE", 100 * len(VOCABULARY) * 4)
    sizes: list[int] = []
    module.register_forward_hook(lambda _module, inputs, _outputs: sizes.append(inputs[0].numel()))

    assert evaluation.carried(module, ids, len(VOCABULARY), batch_size=2) == pytest.approx(at_once, abs=1e-6)
    assert evaluation.cold_blocks(module, ids, len(VOCABULARY), block=50) == pytest.approx(cold, abs=1e-6)
    assert max(sizes) == 100


def test_each_stream_starts_from_the_initial_state(checkpoint_path: Path, registry: Registry) -> None:
    module = torch_module(open_model(checkpoint_path, registry), registry)
    ids = np.array(CharTokenizer(VOCABULARY).encode(TEXT[:401]))

    assert evaluation.carried(module, ids, len(VOCABULARY), batch_size=4) == pytest.approx(
        evaluation.cold_blocks(module, ids, len(VOCABULARY), block=100), abs=1e-6
    )


def test_bytes_have_bits_per_character_and_per_byte_and_no_blocks(tmp_path: Path, registry: Registry) -> None:
    path = saved(tmp_path / "bytes.safetensors", registry, bytewise=True)
    (tmp_path / "data.txt").write_text("né né né")  # 8 characters, 11 bytes

    measured = evaluate_model(path, str(tmp_path / "data.txt"), registry)

    nats = surprisals(path, registry, "né né né", 10**9)
    assert measured["nats"] == pytest.approx({"carry": np.mean(nats)}, abs=1e-5)
    assert measured["bits_per_char"]["carry"] == pytest.approx(sum(nats) / 7 / math.log(2), abs=1e-5)
    assert measured["bits_per_byte"]["carry"] == pytest.approx(sum(nats) / 10 / math.log(2), abs=1e-5)


@pytest.mark.parametrize("bytewise", [False, True])
def test_a_large_file_has_the_metrics_of_a_small_one(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, bytewise: bool
) -> None:
    model = open_model(saved(tmp_path / "tiny.safetensors", registry, bytewise=bytewise), registry)
    path = tmp_path / "data.txt"
    path.write_bytes((TEXT + ("bc\u00e9 b" if bytewise else "")).encode("cp1252" if bytewise else "utf-8"))
    monkeypatch.setattr(measuring, "file_format", lambda model: FileFormat(other="cp1252" if bytewise else ""))
    expected = evaluate_text(model, str(path), registry, "cpu")
    monkeypatch.setattr(large_text, "LARGE", 1)
    monkeypatch.setattr(large_text, "BLOCK", 70 if not bytewise else 1 << 20)
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "read_text", None)
        found = evaluate_text(model, str(path), registry, "cpu")

    assert {**found, "tokens_per_second": 0} == {**expected, "tokens_per_second": 0}
    if not bytewise:
        path.write_text(TEXT + "ab xyz ab")
        with pytest.raises(VocabularyError, match=r"^data\.txt: .* 'x', 'y', 'z' \(characters 724 to 726 "):
            evaluate_text(model, str(path), registry, "cpu")
    path.write_bytes(b"ab\0")
    monkeypatch.setattr(measuring, "file_format", lambda model: FileFormat())
    with pytest.raises(RecipeError, match=r"^data\.txt is no text"):
        evaluate_text(model, str(path), registry, "cpu")


def test_invalid_models_and_data_are_reported(checkpoint_path: Path, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model 'nowhere'"):
        evaluate_model("nowhere", "data.txt", registry)
    with pytest.raises(RecipeError, match=r"none\.txt does not exist"):
        evaluate_model(checkpoint_path, str(tmp_path / "none.txt"), registry)
    (tmp_path / "data.txt").write_text("abcxy")
    with pytest.raises(VocabularyError, match=r"data.txt: the model's vocabulary has no 'x', 'y' \(characters 4 to 5"):
        evaluate_model(checkpoint_path, str(tmp_path / "data.txt"), registry)
    (tmp_path / "data.txt").write_text("a")
    with pytest.raises(RecipeError, match="too short: 1 tokens"):
        evaluate_model(checkpoint_path, str(tmp_path / "data.txt"), registry)
    (tmp_path / "data.txt").write_text("abc")
    with pytest.raises(RecipeError, match="--device: no device 'gpu'"):
        evaluate_model(checkpoint_path, str(tmp_path / "data.txt"), registry, device="gpu")


def test_half_precision_weights_change_the_nats_little(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "data.txt").write_text(TEXT)
    paths = [saved(tmp_path / f"{dtype}.safetensors", registry, dtype=dtype) for dtype in ("float32", "float16")]
    nats = [evaluate_model(path, str(tmp_path / "data.txt"), registry)["nats"]["carry"] for path in paths]

    assert paths[1].stat().st_size < 0.8 * paths[0].stat().st_size
    assert nats[0] == pytest.approx(nats[1], abs=1e-3)


def test_metrics_after_training_equal_those_of_evaluate(tmp_path: Path, registry: Registry) -> None:
    """The checkpoint stores float16, and its provenance has the metrics of these weights."""
    from seqshell.training.loop import train
    from seqshell.training.recipes.from_files import text_recipe

    data = tmp_path / "tune.txt"
    data.write_text(TEXT)
    (tmp_path / "valid.txt").write_text(TEXT[648:])
    recipe = text_recipe(
        data, ["training.epochs=1", "model.hidden_size=4", "training.dtype=float16", "training.seed=5"]
    )
    assert dataclasses.asdict(recipe.training)["dtype"] == "float16"
    state = torch.get_rng_state()
    for _ in train(recipe, registry, tmp_path / "a.safetensors"):
        pass
    torch.set_rng_state(state)

    output = open_model(tmp_path / "a.safetensors", registry).header["provenance"]["metrics"]
    measured = evaluate_model(tmp_path / "a.safetensors", str(tmp_path / "valid.txt"), registry)
    assert output["nats"] == pytest.approx(measured["nats"], abs=1e-6)
