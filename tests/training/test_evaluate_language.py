"""Evaluating language models: both protocols compared with reading token by token, and the output of the command."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqshell.cli import evaluate
from seqshell.cli import train as cli
from seqshell.core.errors import CheckpointError, RecipeError, UsageError, VocabularyError
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.host import Registry, resolve
from seqshell.models import file
from seqshell.models.opening import open_model
from seqshell.models.saving import save_checkpoint
from seqshell.training import chunked_loss
from seqshell.training.data import large_text
from seqshell.training.data.file_format import FileFormat
from seqshell.training.evaluation import evaluate_model
from seqshell.training.language import evaluation, measuring
from seqshell.training.language.measuring import evaluate_text
from seqshell.training.torch_module import torch_module

TEXT = "abcab cabba\n" * 60  # 720 characters: two blocks of 256 targets and one of 207
VOCABULARY = "\n abc"


@pytest.fixture
def checkpoint_path(tmp_path: Path, registry: Registry) -> Path:
    return saved(tmp_path / "tiny.safetensors", registry)


def saved(path: Path, registry: Registry, *, bytewise: bool = False, dtype: str = "float32") -> Path:
    tokenizer = ByteTokenizer() if bytewise else CharTokenizer(VOCABULARY)
    architecture = registry.lookup("architecture", "lstm")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = resolve(architecture.config)(vocab_size=tokenizer.size, embed_size=5, hidden_size=9, num_layers=2)
        module = resolve(architecture.model)(config)
        for parameter in module.parameters():
            parameter.data.mul_(1.5)  # makes the state matter
    return save_checkpoint(
        path, architecture="lstm", module=module, tokenizer=tokenizer, dtype=dtype, registry=registry
    )  # type: ignore[arg-type]


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


def arguments(kind: str, *words: str, as_json: bool = False) -> Namespace:
    parser = ArgumentParser()
    getattr(evaluate if kind == "evaluate" else cli, f"add_{kind}_arguments")(parser)
    return parser.parse_args(words, Namespace(json=as_json, device="auto", seed=None, no_plugins=True, plugins=()))


def test_the_command_prints_a_table_or_one_object(
    checkpoint_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, written = tmp_path / "data.txt", tmp_path / "metrics.json"
    data.write_text(TEXT)

    assert (
        evaluate.evaluate_command(
            arguments("evaluate", str(checkpoint_path), str(data), "-o", str(written), as_json=True)
        )
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == [
        *("model", "task", "data", "nats", "bits", "bits_per_char", "bits_per_byte", "perplexity", "tokens_per_second")
    ]
    assert printed["nats"]["carry"] == round(printed["nats"]["carry"], 6)
    assert json.loads(written.read_text()) == printed

    assert evaluate.evaluate_command(arguments("evaluate", str(checkpoint_path), str(data))) == 0
    out = capsys.readouterr().out
    assert "tiny on data.txt, 720 characters, 720 tokens" in out
    assert "bits per byte" in out
    assert f"{printed['nats']['blocks256']:.4f}" in out

    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "config.toml").write_text('[settings]\nunit = "bits"\n')
    assert evaluate.evaluate_command(arguments("evaluate", str(checkpoint_path), str(data))) == 0
    out = capsys.readouterr().out
    assert printed["bits"]["carry"] == pytest.approx(printed["nats"]["carry"] / math.log(2), abs=1e-5)
    assert f"{printed['bits']['blocks256']:.4f}" in out
    assert "nats" not in out


def test_a_picture_of_a_language_model_is_refused_before_the_work(checkpoint_path: Path, tmp_path: Path) -> None:
    for name in ("curve.png", "CURVE.PNG"):
        with pytest.raises(UsageError, match=rf"no picture for a language model; end {name} in \.json for the metrics"):
            evaluate.evaluate_command(
                arguments("evaluate", str(checkpoint_path), str(tmp_path / "none.txt"), "-o", str(tmp_path / name))
            )
    assert list(tmp_path.glob("*.[pP]*")) == []


def test_train_prints_results_to_stdout_and_the_rest_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "tune.txt"
    data.write_text(TEXT)
    quick = (
        "training.epochs=1",
        "training.precision=float32",
        "training.sample_length=5",
        "model.hidden_size=4",
        "model.embed_size=3",
    )
    small = [word for override in quick for word in ("--set", override)]
    state = torch.get_rng_state()

    assert cli.train_command(arguments("train", str(data), *small)) == 0

    out, err = capsys.readouterr()
    assert "● validation " in out
    assert " ".join(out.splitlines()[0].split()) == "state nats bits per character bits per byte perplexity"
    assert out.splitlines()[-1] == "seqshell -m tune"
    assert "loss" in err
    assert (tmp_path / "home" / "models" / "tune.safetensors").exists()
    assert (tmp_path / "home" / "models" / "tune.run" / "metrics.jsonl").exists()

    assert cli.train_command(arguments("train", str(data), *small, "--out", str(tmp_path / "other"), as_json=True)) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["model"], output["path"], output["epoch"]) == ("other", str(tmp_path / "other.safetensors"), 1)
    assert output["nats"].keys() == {"carry", "blocks256"}
    torch.set_rng_state(state)


def test_train_prints_the_defaults_and_refuses_invalid_arguments(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.train_command(arguments("train", "--defaults")) == 0
    assert "learning_rate = 0.002" in capsys.readouterr().out
    with pytest.raises(RecipeError, match="no recipe or file 'nothing'"):
        cli.train_command(arguments("train", "nothing"))
    (tmp_path / "a.txt").write_text(TEXT)
    with pytest.raises(UsageError, match=r"curve\.mp3"):
        cli.train_command(arguments("train", str(tmp_path / "a.txt"), "-o", "curve.mp3"))


def test_recipes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.recipes_command(arguments("recipes", as_json=True)) == 0
    listed = {item["name"]: item for item in json.loads(capsys.readouterr().out)["recipes"]}
    assert (listed["shakespeare"]["task"], listed["shakespeare"]["architecture"]) == ("generate", "lstm")

    assert cli.recipes_command(arguments("recipes", "show", "shakespeare")) == 0
    assert 'architecture = "lstm"' in capsys.readouterr().out


def test_half_precision_weights_change_the_nats_little(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "data.txt").write_text(TEXT)
    paths = [saved(tmp_path / f"{dtype}.safetensors", registry, dtype=dtype) for dtype in ("float32", "float16")]
    nats = [evaluate_model(path, str(tmp_path / "data.txt"), registry)["nats"]["carry"] for path in paths]

    assert paths[1].stat().st_size < 0.8 * paths[0].stat().st_size
    assert nats[0] == pytest.approx(nats[1], abs=1e-3)


def test_importing_the_commands_does_not_import_torch() -> None:
    import subprocess
    import sys

    modules = "seqshell.cli.train, seqshell.cli.evaluate, seqshell.training.recipes.recipe"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
