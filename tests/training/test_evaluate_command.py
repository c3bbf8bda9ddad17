"""`seqshell evaluate` and `seqshell train`: what they print, and their invalid arguments."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest
import torch
from tests.training.text_models import TEXT

from seqshell.cli import evaluate
from seqshell.cli import train as cli
from seqshell.core.errors import RecipeError, UsageError


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


def test_importing_the_commands_does_not_import_torch() -> None:
    import subprocess
    import sys

    modules = "seqshell.cli.train, seqshell.cli.evaluate, seqshell.training.recipes.recipe"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
