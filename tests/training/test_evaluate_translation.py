"""`seqshell evaluate` on a translation model: its input, output, files and errors."""

from __future__ import annotations

import hashlib
import json
import math

import pytest
import torch

from seqshell.cli import main
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.decoding.syntax import parse_strategy
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell.models.saving import save_checkpoint
from seqshell.testing import tiny_checkpoint
from seqshell.training.evaluation import evaluate_model
from seqshell.training.translation.data import read_pairs, split_pairs

SOURCES = ("a dog runs", "the red dog sees a cat and runs", "", "the cat sees")
TARGETS = ("ein hund läuft", "der rote hund sieht eine katze und läuft", "", "die katze sieht")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint with random weights from a fixed seed."""
    return saved(tmp_path_factory.mktemp("model") / "tiny.safetensors")


def saved(path, provenance=None):
    registry = load_registry(Policy(no_plugins=True))
    source, target = (WordTokenizer.train(texts, specials=True) for texts in (SOURCES, TARGETS))
    architecture = registry.lookup("architecture", "attention_seq2seq")
    config = resolve(architecture.config)(source.size, target.size, embed_size=4, encoder_size=3, hidden_size=5)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = resolve(architecture.model)(config)
        for parameter in module.parameters():
            parameter.data.mul_(3)
    defaults = {"strategy": "greedy", "max_tokens": 6}
    return save_checkpoint(
        path,
        architecture="attention_seq2seq",
        module=module,
        tokenizer=target,
        source_tokenizer=source,
        defaults=defaults,
        languages=("english", "german"),
        provenance=provenance or {},
        registry=registry,
    )


@pytest.fixture
def files(folder):
    """A source file, a target file and a file with both, in the current folder."""
    (folder / "test.en").write_text("\n".join(SOURCES) + "\n")
    (folder / "test.de").write_text("\n".join(TARGETS) + "\n")
    (folder / "test.tsv").write_text(
        "".join(f"{source}\t{target}\tCC BY\n" for source, target in zip(SOURCES, TARGETS, strict=True))
    )
    return folder


def evaluate(*words):
    return main(["evaluate", *map(str, words), "--no-plugins", "--device", "cpu"])


def test_json_output_is_one_object_with_all_metrics(model, files, capsys):
    assert evaluate(model, "test.en", "test.de", "--json") == 0

    out, err = capsys.readouterr()
    output = json.loads(out)
    assert list(output) == [
        "model", "task", "data", "strategy", "sampler", "nats", "bits", "perplexity", "bleu", "chrf", "bleu_lc_tok",
        "signature", "exact_match", "by_length", "failed", "sentences_per_second", "tokens_per_second",
    ]  # fmt: skip
    digests = [hashlib.sha256((files / name).read_bytes()).hexdigest() for name in ("test.en", "test.de")]
    assert output["data"] == {"name": ["test.en", "test.de"], "sha256": digests, "items": 4}
    assert (output["model"], output["task"], output["strategy"], output["failed"]) == ("tiny", "translate", "greedy", 0)
    assert [group["words"] for group in output["by_length"]] == [[1, 4], [5, 9]]
    assert output["nats"] == round(output["nats"], 6)
    assert output["bits"] == pytest.approx(output["nats"] / math.log(2), abs=1e-5)
    assert evaluate(model, "test.en", "test.de", "--unit", "bits") == 0
    assert f"{output['bits']:.4f} bits per token" in capsys.readouterr().out
    assert "translating: 100 %" in err
    same = evaluate_model(model, ("test.en", "test.de"), load_registry(Policy(no_plugins=True)), device="cpu")
    assert same["bleu"] == pytest.approx(output["bleu"], abs=1e-6)


def test_one_file_with_tabs_gives_the_same_metrics_as_two_files(model, files, capsys):
    output = []
    for data in (("test.en", "test.de"), ("test.tsv",)):
        assert evaluate(model, *data, "--json") == 0
        output.append(json.loads(capsys.readouterr().out))

    both, one = output
    assert one["data"]["name"] == "test.tsv"
    assert "tok:moses-de" in one["signature"]["bleu_lc_tok"]  # the checkpoint names its target language
    for timed in ("data", "sentences_per_second", "tokens_per_second"):
        both.pop(timed), one.pop(timed)
    assert one == both


def test_the_terminal_shows_tables_with_bars(model, files, capsys):
    assert evaluate(model, "test.en", "test.de", "--set", "max_tokens=3") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tiny on test.en and test.de, 4 pairs, by greedy"
    assert [line.split("  ")[0] for line in lines[1:]][:6] == [
        "metric",
        "BLEU",
        "chrF",
        "BLEU, lowercased Moses tokens",
        "exact",
        "perplexity",
    ]
    assert lines[7].split() == ["source", "words", "sentences", "BLEU"]
    assert [line.split()[:2] for line in lines[8:10]] == [["1-4", "2"], ["5-9", "1"]]
    assert lines[10].endswith("tokens/s")


def test_o_writes_translations_metrics_or_a_picture(model, files, capsys):
    for name in ("out.txt", "out.json", "out.png"):
        assert evaluate(model, "test.en", "test.de", "-o", name, "--json") == 0

    output = json.loads(capsys.readouterr().out.splitlines()[-1])
    written = (files / "out.txt").read_text("utf-8")
    assert written.count("\n") == 4
    assert written.split("\n")[2] == ""
    assert json.loads((files / "out.json").read_text())["bleu"] == output["bleu"]
    assert (files / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_strategy_and_its_seed_can_be_chosen(model, files, capsys):
    found = []
    for seed in ("1", "1", "2"):
        hot = ("--strategy", "sample", "--set", "temperature=1.5", "--seed", seed)
        assert evaluate(model, "test.en", "test.de", *hot, "-o", "out.txt", "--json") == 0
        output = json.loads(capsys.readouterr().out)
        assert (output["strategy"], output["sampler"]) == ("sample", "temperature=1.5")
        found.append((files / "out.txt").read_text())

    assert found[0] == found[1] != found[2]


def test_the_strategy_is_reported_with_all_settings(model, files, capsys):
    assert evaluate(model, "test.tsv", "--strategy", "beam width=3", "--set", "beam.length_penalty=0.5", "--json") == 0

    output = json.loads(capsys.readouterr().out)["strategy"]
    assert {"width=3", "length_penalty=0.5", "coverage_penalty=0"} <= set(output.removeprefix("beam ").split())
    registry = load_registry(Policy(no_plugins=True))
    assert parse_strategy(output, registry.strategies) == parse_strategy(
        "beam width=3 length_penalty=0.5", registry.strategies
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("test.en", "short.de"), "test.en has 4 lines and short.de has 2; they must match line by line"),
        (
            ("test.en",),
            "test.en: no tab or other delimiter between source and translation; for two files, write SOURCE TARGET",
        ),
        (
            ("test.en", "test.de", "test.tsv"),
            "sentence pairs need a source and a target file, or one file with a tab between source and target",
        ),
        (("test.en", "gone.de"), "gone.de does not exist"),
        (("test.tsv", "--strategy", "beem"), "no strategy 'beem'; "),
        (("test.tsv", "--strategy", "beam width=900"), "a beam of 900 is wider than the vocabulary of 14 tokens"),
        (("test.tsv", "--set", "width"), "--set needs NAME=VALUE, not 'width'"),
        (
            ("test.tsv", "--set", "widht=5"),
            "--set: no setting 'widht' for greedy; the settings are max_tokens, unk, replace_unk",
        ),
        (("test.tsv", "--language", "elvish"), "no Moses rules for the language 'elvish'"),
        (("test.tsv", "-o", "gone/out.txt"), "cannot write gone/out.txt: there is no folder gone"),
    ],
)
def test_invalid_evaluations_are_reported_in_one_line(model, files, capsys, words, line):
    (files / "short.de").write_text("eins\nzwei\n")

    assert evaluate(model, *words) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"seqshell: {line}")
    assert err.count("\n") == 1


def test_a_language_model_takes_one_text_and_no_strategy(tmp_path, capsys):
    path = tiny_checkpoint(tmp_path / "elman.safetensors")
    (tmp_path / "data.txt").write_text("abcabc")

    assert evaluate(path, tmp_path / "data.txt", "--strategy", "greedy") == 2
    assert "elman is a language model; --strategy is for translation models" in capsys.readouterr().err
    assert evaluate(path, tmp_path / "data.txt", tmp_path / "data.txt") == 2
    assert "elman is a language model; it is evaluated on one text file, not on 2 files" in capsys.readouterr().err
    assert evaluate(path, tmp_path / "data.txt", "--json") == 0
    assert json.loads(capsys.readouterr().out)["data"]["items"] == 6


def test_held_out_pairs_are_those_of_the_training_and_have_baselines_from_the_others(tmp_path, files, capsys):
    provenance = {
        "data": {"name": "test.tsv", "sha256": hashlib.sha256((files / "test.tsv").read_bytes()).hexdigest()},
        "recipe": "[data]\nvalidation = 0.4\n",
    }
    path = saved(tmp_path / "own.safetensors", provenance)
    split = split_pairs(read_pairs(["test.tsv"], files), 0.4)

    assert evaluate(path, "test.tsv", "--held-out", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["data"]["items"] == 1
    assert values["baselines_from"] == len(split.training.without_blank()) == 2
    assert set(values["baselines"]) == {"most_frequent", "lead", "nearest"}
    assert evaluate(path, "test.tsv", "--training", "test.tsv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "answer of the nearest source, by n-grams of words  100.00  100.00  100.00 %" in lines
    assert "baselines from 3 other pairs" in lines


def test_held_out_needs_the_pairs_of_the_training_and_a_share(model, tmp_path, files, capsys):
    assert evaluate(model, "test.tsv", "--held-out") == 2
    assert "no share of the pairs was held out when tiny was trained" in capsys.readouterr().err
    provenance = {"data": {"name": "a.tsv", "sha256": "0"}, "recipe": "[data]\nvalidation = 0.4\n"}
    assert evaluate(saved(tmp_path / "own.safetensors", provenance), "test.tsv", "--held-out") == 2
    assert "own was trained on other pairs, a.tsv, or test.tsv has changed since" in capsys.readouterr().err
