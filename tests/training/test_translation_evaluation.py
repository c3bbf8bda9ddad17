"""Metrics of a translation model, compared with translating and scoring one sentence at a time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from seqshell.core.decoder import Decoder
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Progress
from seqshell.core.model import Model
from seqshell.core.subword_tokenizers import SPECIALS, WordTokenizer
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK
from seqshell.decoding.syntax import format_chain
from seqshell.host import Registry, resolve
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.training.translation import bleu, rouge
from seqshell.training.translation.data import Pairs
from seqshell.training.translation.evaluation import (
    Evaluation,
    TranslationOptions,
    evaluate_pairs,
    find_search,
    teacher_forced,
    text_of,
)
from seqshell.training.translation.metrics import baselines_table, lengths_table, metrics_table, text_metrics, write_png

SOURCES = ("a dog runs", "the red dog sees a cat and runs", "a cat", "the cat sees", "")
TARGETS = ("ein hund läuft", "der rote hund sieht eine katze und läuft", "eine katze", "die katze sieht", "nichts")


@pytest.fixture(scope="module")
def module(registry: Registry) -> nn.Module:
    architecture = registry.lookup("architecture", "attention_seq2seq")
    sizes = [WordTokenizer.train(texts, specials=True).size for texts in (SOURCES, TARGETS)]
    config = resolve(architecture.config)(*sizes, embed_size=6, encoder_size=5, hidden_size=7)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        found: nn.Module = resolve(architecture.model)(config)
        for parameter in found.parameters():
            parameter.data.mul_(3)  # makes the probabilities of the words differ
    return found.eval()


@pytest.fixture(scope="module")
def model(module: nn.Module) -> Model:
    source, target = (WordTokenizer.train(texts, specials=True) for texts in (SOURCES, TARGETS))
    defaults = {"strategy": "greedy", "max_tokens": 7}
    decoder = TorchDecoder(module)
    return Model(
        "tiny",
        Task.TRANSLATE,
        "attention_seq2seq",
        decoder,
        target,
        "f" * 32,
        header={"defaults": defaults},
        source_tokenizer=source,
    )


PAIRS = Pairs(("test.en", "test.de"), ("1" * 64, "2" * 64), SOURCES, TARGETS)


def encoded(model: Model) -> tuple[list[list[int]], list[list[int]]]:
    assert model.source_tokenizer is not None
    return [model.source_tokenizer.encode(text) for text in SOURCES], [model.tokenizer.encode(text) for text in TARGETS]


@torch.inference_mode()
def one_by_one(module: nn.Module, model: Model) -> tuple[float, list[str]]:
    """Mean nats of the references, and the greedy translations, without batches and padding."""
    nats: list[float] = []
    found = []
    for source, target in zip(*encoded(model), strict=True):
        state = module.encode(torch.tensor([[*source, EOS]]), torch.tensor([len(source) + 1]))  # type: ignore[operator]
        first = state
        previous = BOS
        for token in [*target, EOS]:
            logits, state = module(torch.tensor([[previous]]), state)
            nats.append(-float(logits[0, -1].log_softmax(-1)[token]))
            previous = token
        ids, state = [BOS], first
        while ids[-1] != EOS and len(ids) <= 7:
            logits, state = module(torch.tensor([ids[-1:]]), state)
            logits[..., [PAD, BOS, UNK]] = -math.inf
            ids.append(int(logits[0, -1].argmax()))
        found.append(b"".join(map(model.tokenizer.piece, ids)).decode().strip())
    return sum(nats) / len(nats), found


def evaluated(
    model: Model, module: nn.Module, registry: Registry, pairs: Pairs = PAIRS, options: TranslationOptions | None = None
) -> Evaluation:
    *progress, last = evaluate_pairs(model, module, pairs, registry, options or TranslationOptions())
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(last, Evaluation)
    return last


def test_metrics_equal_those_of_one_sentence_at_a_time(model: Model, module: nn.Module, registry: Registry) -> None:
    found = evaluated(model, module, registry)

    nats, translations = one_by_one(module, model)
    assert found.answers == (*translations[:4], "")  # a blank source has an empty translation
    values = found.values
    assert values["nats"] == pytest.approx(nats, abs=1e-5)
    assert values["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
    assert values["bleu"] == bleu.bleu(found.answers, TARGETS).value
    assert values["data"] == {"name": ["test.en", "test.de"], "sha256": ["1" * 64, "2" * 64], "items": 5}
    assert (values["model"], values["task"], values["strategy"], values["failed"]) == ("tiny", "translate", "greedy", 0)
    assert "tok:moses-de" in values["signature"]["bleu_lc_tok"]
    assert values["tokens_per_second"] > values["sentences_per_second"] > 0


def test_progress_counts_sentences_and_ends_with_the_loss(model: Model, module: nn.Module, registry: Registry) -> None:
    steps = [
        event
        for event in evaluate_pairs(model, module, PAIRS, registry, TranslationOptions())
        if isinstance(event, Progress)
    ]

    assert [(event.done, event.total) for event in steps] == [(1, 4), (2, 4), (3, 4), (4, 4), (0, 5)]
    assert steps[-2].text.endswith("sentences/s")


def test_unreadable_sentences_lower_bleu_and_are_not_in_the_loss(
    model: Model, module: nn.Module, registry: Registry
) -> None:
    more = replace(PAIRS, sources=(*SOURCES, "собака бежит"), targets=(*TARGETS, "ein hund läuft"))

    found = evaluated(model, module, registry, more)

    assert found.values["failed"] == 1
    assert found.answers[-1] == ""
    assert found.values["nats"] == pytest.approx(evaluated(model, module, registry).values["nats"], abs=1e-6)
    assert found.values["data"]["items"] == 6


def test_one_file_has_one_name_and_the_requested_language(model: Model, module: nn.Module, registry: Registry) -> None:
    one = replace(PAIRS, names=("pairs.tsv",), digests=("3" * 64,))

    values = evaluated(model, module, registry, one, TranslationOptions(language="de")).values

    assert values["data"] == {"name": "pairs.tsv", "sha256": "3" * 64, "items": 5}
    assert "tok:moses-de" in values["signature"]["bleu_lc_tok"]
    assert "tok:moses-en" in evaluated(model, module, registry, one).values["signature"]["bleu_lc_tok"]


def test_padding_does_not_change_the_loss(model: Model, module: nn.Module) -> None:
    sources, targets = encoded(model)
    together = teacher_forced(module, sources, targets)

    alone = [teacher_forced(module, [source], [target]) for source, target in zip(sources, targets, strict=True)]
    lengths = [len(target) + 1 for target in targets]
    assert together == pytest.approx(sum(map(math.prod, zip(alone, lengths, strict=True))) / sum(lengths), abs=1e-6)
    assert max(alone) - min(alone) > 0.01
    assert math.isnan(teacher_forced(module, [], []))


def test_decoding_settings_are_the_checkpoints_unless_options_change_them(model: Model, registry: Registry) -> None:
    search = find_search(model, registry, TranslationOptions())
    assert (search.strategy.name, search.samplers, search.max_tokens) == ("greedy", (), 7)

    search = find_search(model, registry, TranslationOptions("sample", (("max_tokens", "9"), ("temperature", "0.5"))))
    assert (search.strategy.name, search.max_tokens) == ("sample", 9)
    assert format_chain(search.samplers) == "temperature=0.5"

    assert find_search(replace(model, header={}), registry, TranslationOptions()).strategy.name == "greedy"
    with pytest.raises(
        UsageError,
        match=r"no setting 'widht' for greedy; the settings are max_tokens, unk, replace_unk and",
    ):
        find_search(model, registry, TranslationOptions(settings=(("widht", "5"),)))
    with pytest.raises(UsageError, match="no strategy 'beem'"):
        find_search(model, registry, TranslationOptions("beem width=5"))
    with pytest.raises(UsageError, match="max_tokens must be 1 to 1,000,000"):
        find_search(model, registry, TranslationOptions(settings=(("max_tokens", "0"),)))
    with pytest.raises(
        CheckpointError, match="tiny asks for a sampler or strategy that is not installed: no strategy 'gone'"
    ):
        find_search(replace(model, header={"defaults": {"strategy": "gone"}}), registry, TranslationOptions())


def test_unk_may_be_generated_and_is_replaced_by_the_source_word_with_most_attention(registry: Registry) -> None:
    """A decoder that generates UNK if allowed, and EOS after three; it attends to the source tokens in order."""

    class Looking(NamedTuple):
        place: NDArray[np.int64]
        attention: NDArray[np.float64]

    class Unsure:
        def encode(self, source: NDArray[np.int64], lengths: NDArray[np.int64]) -> Looking:
            return Looking(np.zeros(len(source), np.int64), np.zeros(source.shape))

        def step(self, inputs: NDArray[np.int64], state: Looking) -> tuple[NDArray[np.float64], Looking]:
            outputs = np.tile([0.0, 0, 0, 9, 5, 0], (len(inputs), 1))
            outputs[state.place == 3, EOS] = 99
            return outputs, Looking(state.place + 1, np.eye(state.attention.shape[1])[state.place % 4])

    source, target = (
        WordTokenizer.train(["Anna sees Bob"], specials=True),
        WordTokenizer([*SPECIALS, " so", " not"], [0] * 6),
    )
    model = Model("tiny", Task.TRANSLATE, "", cast(Decoder, Unsure()), target, "f" * 32, source_tokenizer=source)
    module = constant_module()
    pairs = Pairs(("a.tsv",), ("1" * 64,), ("Anna sees Bob", "Bob sees Anna"), ("so so so", "not not not"))

    output = {
        settings: evaluated(model, module, registry, pairs, TranslationOptions(settings=settings)).answers
        for settings in ((), (("unk", "on"),), (("unk", "on"), ("replace_unk", "off")))
    }

    assert list(output.values()) == [("so so so",) * 2, pairs.sources, ("<unk> <unk> <unk>",) * 2]


def constant_module() -> nn.Module:
    """A Seq2Seq for which all six words are equally likely."""

    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.zeros(6))

        def encode(self, source: torch.Tensor, lengths: torch.Tensor) -> tuple[()]:
            return ()

        def forward(self, target: torch.Tensor, state: tuple[()]) -> tuple[torch.Tensor, tuple[()]]:
            return self.logits.expand(*target.shape, 6), state

    return Constant()


def test_sampled_translations_depend_on_the_seed(model: Model, module: nn.Module, registry: Registry) -> None:
    drawn = [
        evaluated(model, module, registry, options=TranslationOptions("sample", seed=seed)).answers
        for seed in (1, 1, 2)
    ]

    assert drawn[0] == drawn[1] != drawn[2]


def test_the_text_of_a_translation_ends_before_eos_and_is_one_line(model: Model) -> None:
    ids = model.tokenizer.encode("die katze sieht")

    assert text_of(model.tokenizer, ids) == "die katze sieht"
    assert text_of(model.tokenizer, [*ids, EOS, ids[0]]) == "die katze sieht"
    assert text_of(model.tokenizer, [EOS]) == ""


def test_exact_match_ignores_only_spaces() -> None:
    values = text_metrics(["a b", "c", "d", "e"], ["x  y", "z ", "Z", ""], ["x y", "z", "z", "q"], "en")

    assert values["exact_match"] == 0.5
    assert values["by_length"] == [{"words": [1, 4], "items": 4, "bleu": values["bleu"]}]


def test_tables_show_all_metrics_and_a_bar_for_each_length(tmp_path: Path) -> None:
    values = text_metrics(
        ["a b c d", "a b c d e", "w " * 31], ["k l m n", "a b c x y", ""], ["k l m n", "a b c d e", "w"], "en"
    )
    output = {**values, "model": "tiny", "nats": 2.0, "perplexity": math.exp(2)}

    metrics, lengths = metrics_table(output), lengths_table(output)

    assert [row[0] for row in metrics.rows] == ["BLEU", "chrF", "BLEU, lowercased Moses tokens", "exact", "perplexity"]
    assert metrics.rows[0][1:] == (f"{values['bleu']:.2f}", values["signature"]["bleu"])
    assert [row[1] for row in metrics.rows[3:]] == ["33.33 %", "7.389"]
    assert [row[0] for row in metrics_table({key: output[key] for key in ("nats", "perplexity")}).rows] == [
        "perplexity"
    ]
    assert [row[:2] for row in lengths.rows] == [("1-4", 1), ("5-9", 1), ("30+", 1)]
    bars = [len(row[3]) for row in lengths.rows]
    assert bars[0] == 30
    assert bars[1] == round(30 * values["by_length"][1]["bleu"] / 100)
    assert bars[2] == 0

    write_png(output, tmp_path / "bars.png")
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_a_missing_library_is_reported_before_the_work(
    model: Model, module: nn.Module, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise UsageError("missing")

    monkeypatch.setattr(bleu, "check_available", refuse)
    with pytest.raises(UsageError, match="missing"):
        next(iter(evaluate_pairs(model, module, PAIRS, registry, TranslationOptions())))


@pytest.mark.parametrize("recipe", ["[data]\nrouge = true\n", ""])
def test_summaries_are_scored_with_rouge(model: Model, module: nn.Module, registry: Registry, recipe: str) -> None:
    asked = replace(model, header={**model.header, "provenance": {"recipe": recipe}})
    values = [*evaluate_pairs(asked, module, PAIRS, registry, TranslationOptions(rouge=not recipe), PAIRS)][-1].values

    rows = {row[0]: row[1:] for row in metrics_table(values).rows}
    assert rows["ROUGE-L"] == (f"{values['rougeL']:.2f}", rouge.signature())
    table = baselines_table(values)
    assert table.columns == ("answers", "BLEU", "chrF", "ROUGE-1", "ROUGE-2", "ROUGE-L", "exact")
    assert table.rows[-1][-4:] == ("80.00", "80.00", "80.00", "80.00 %")  # the same but for the blank source
