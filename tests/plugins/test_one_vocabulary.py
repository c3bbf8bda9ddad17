"""Architectures with one vocabulary for source and target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plugins.data_plugins import SHORT, module, pairs

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.testing import check_architecture, failed
from seqshell.testing.architecture_rules import sizes_of
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from


def copier(**options: Any) -> tuple[seqshell.Architecture, Registry]:
    """A module that is built only if both vocabularies have one size."""
    import torch
    from tests.training.own_models import PairConfig, Translator

    class Copier(Translator):
        def __init__(self, config: Any) -> None:
            assert config.source_vocab_size == config.target_vocab_size
            super().__init__(config)

        def encode(self, source: Any, lengths: Any) -> Any:
            counts = torch.nn.functional.one_hot(source, len(self.scale)).float()
            return counts[..., 4:].sum(1)

        def forward(self, tokens: Any, state: Any) -> Any:
            copied = torch.nn.functional.pad(state, (4, 0))
            return self.table(tokens) + (self.scale * copied)[:, None], state

    architecture = seqshell.Architecture("copier", seqshell.Task.TRANSLATE, PairConfig, Copier, **options)
    return architecture, load_registry(modules=[module(seqshell_architectures=lambda: [architecture])])


def test_an_architecture_with_one_vocabulary_is_checked_with_one() -> None:
    shared, _ = copier(shares_vocabulary=True)
    apart, _ = copier()

    assert sizes_of(shared) == {"source_vocab_size": 11, "target_vocab_size": 11}
    assert not failed(check_architecture(shared))
    assert failed(check_architecture(apart))[0].startswith("it can be built from its settings: AssertionError")


def test_its_recipes_have_one_tokenizer(tmp_path: Path) -> None:
    _, registry = copier(shares_vocabulary=True)
    (tmp_path / "swaps.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs()))
    tables = {
        "task": "translate",
        "architecture": "copier",
        "data": {"pairs": "swaps.tsv"},
        "training": SHORT,
        "tokenizer": {"name": "word"},
    }
    shared = recipe_from(tables, name="small", folder=tmp_path)
    del tables["tokenizer"]
    apart = {**tables, "source_tokenizer": {"name": "word"}, "target_tokenizer": {"name": "char"}}

    prepared = prepare(shared, registry)
    list(train(shared, registry, tmp_path / "copier.safetensors"))

    model = seqshell.open(tmp_path / "copier.safetensors", registry=registry).model
    assert prepared.source_tokenizer is prepared.tokenizer
    assert model.source_tokenizer is model.tokenizer
    with pytest.raises(RecipeError, match=r"copier has one vocabulary .*: write \[tokenizer\] instead of two tables"):
        prepare(recipe_from(apart, name="small", folder=tmp_path), registry)


def test_only_a_model_that_translates_can_share_a_vocabulary() -> None:
    wrong = seqshell.Architecture("wrong", seqshell.Task.GENERATE, "a:B", "a:C", shares_vocabulary=True)
    registry = load_registry(modules=[module(seqshell_architectures=lambda: [wrong])])

    assert (
        "the architecture wrong shares a vocabulary, but its task generate has only one" in registry.problems[0].message
    )
