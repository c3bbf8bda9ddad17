"""Labelled texts in large files: a training begins when its vocabulary is known; all are encoded while it runs.

Two files are written: first what a training needs to begin, such as the places of all texts, then the tokens. Both are
used by the next training.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.named_files import shown_name
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.training.classification.data import (
    Examples,
    ExampleSplit,
    check_labels,
    check_seen,
    read_recipe_examples,
    recipe_columns,
    split_rows,
)
from seqshell.training.classification.encoding import LateTexts, encode_into, rates_of
from seqshell.training.classification.large_sources import LargeSource
from seqshell.training.classification.new_examples import NewExamples, stored_examples
from seqshell.training.data.array_store import ArrayStore, Spools, array_parts, check_room, write_store
from seqshell.training.data.coded import label_counts
from seqshell.training.data.distinct import numbers_of_hashes
from seqshell.training.data.file_rows import FileRows, stored_file_rows
from seqshell.training.data.late_encoding import LateTokens, Rates, StoredTokens
from seqshell.training.data.row_counting import RowCounting
from seqshell.training.data.small_integers import rows_where
from seqshell.training.data.store_paths import store_path
from seqshell.training.data.token_rows import NewRows, TokenRows, stored_rows
from seqshell.training.data.two_stores import TwoStores
from seqshell.training.data.vocabularies import SAMPLE, shown_to_tokenizer, train_tokenizer, trains_on_counts
from seqshell.training.preparation_progress import Stages
from seqshell.training.recipes.recipe import Recipe

SIDES = ("training", "validation")
COPIES = 1  # bytes of ids in the file, for each of the texts, at most about

Encoded = tuple[TokenRows, NDArray[Any]]  # the ids of the texts that can be read, and the rows of these texts
Begun = tuple[Tokenizer, ExampleSplit, Rates, Encoded]
RecipeTexts = tuple[Tokenizer, ExampleSplit, tuple[Encoded | LateTexts, Encoded] | None]


@dataclass(frozen=True)
class LargeExamples(TwoStores[Begun]):
    """The labelled texts of a recipe in large files. kind: of the tokenizer. cut: how the model shortens texts.

    parent: the tokenizer of the model that the training starts from.
    """

    recipe: Recipe
    source: LargeSource
    kind: Any
    cut: Cut
    parent: Tokenizer | None = None

    def read(self) -> RecipeTexts:
        """The texts, and their tokens or what encodes them."""
        tokenizer, split, rates, validation = self.begun()
        return tokenizer, split, (self._encoded(split.training, tokenizer, rates), validation)

    def read_files(self, stages: Stages) -> None:
        self.source.read(stages(f"reading {shown_name(self.source.path.name)}"))

    @property
    def needs_all(self) -> bool:
        """Whether a training asks for the tokens of all texts before it begins."""
        settings = self.recipe.training
        return bool(settings.teacher) or (self.parent is not None and settings.extend_vocabulary)

    def path_of(self, **part: Any) -> Path:
        data = self.recipe.data
        return store_path(
            self.recipe,
            self.source.path.name,
            (self.kind,),
            text=self.source.digest,
            layout=[data.encoding, data.header, data.text_column, data.label_column, list(data.label_names)],
            validation=data.validation if self._validation is None else self._validation.digest,
            tokenizer=[dict(self.recipe.tokenizer), SAMPLE],
            parent=[self.parent.to_json(), self.recipe.training.extend_vocabulary] if self.parent else None,
            cut=dataclasses.asdict(self.cut),
            **part,
        )

    @property
    def _counts_words(self) -> bool:
        """Whether the words of the texts are counted for the tokenizer."""
        return trains_on_counts(self.kind) and (self.parent is None or self.recipe.training.extend_vocabulary)

    @cached_property
    def _validation(self) -> Examples | None:
        """The examples of the file for validation; None if a share is held out."""
        validation = self.recipe.data.validation
        return read_recipe_examples(self.recipe, str(validation)) if isinstance(validation, str) else None

    def write_first(self, stages: Stages) -> None:
        """Find and split the texts, train the tokenizer, and encode the texts for validation."""
        source, name, columns = self.source, self.source.path.name, recipe_columns(self.recipe.data)
        check_room(self.first, source.size)
        with Spools(self.first.parent) as spools:
            counting = spools.enter_context(RowCounting(source.text)) if self._counts_words else ()
            report = stages(f"reading the rows of {shown_name(name)}")
            new = NewExamples.of(source, columns, spools, report, counting or None)
            examples = new.examples()
            if self._validation is None:
                share = float(self.recipe.data.validation)  # type: ignore[arg-type]  # a number without a file
                rows = split_rows(examples, share, numbers_of_hashes(new.hashes))
                split = ExampleSplit(*map(examples.at, rows))
            else:
                rows = rows_where(np.ones(len(examples), bool)), np.arange(0)
                split = ExampleSplit(examples, self._validation)
            check_labels(examples.labels, examples.name)
            check_seen(split.validation, label_counts(split.training.labels))
            stages("training the tokenizer")(0, 1)
            shown = shown_to_tokenizer(self.kind, split.training.texts)
            if new.counting is not None:
                assert isinstance(examples.texts, FileRows)
                shown = new.counting.counts(examples.texts.at(rows[1]))
            tokenizer = train_tokenizer(
                self.recipe, self.recipe.tokenizer, self.kind, shown, self.parent, specials=True
            )
            ids = NewRows.of_ids(tokenizer, spools)
            report = stages("encoding the texts for validation")
            kept = encode_into(ids, split.validation.texts, tokenizer, self.cut, report)
            rates = rates_of(split.training.texts, tokenizer, self.cut)
            arrays = [*new.parts(), *ids.parts("validation ids"), array_parts("validation kept", kept)]
            arrays += [array_parts(side, places) for side, places in zip(SIDES, rows, strict=True)]
            facts = {"vocabulary": tokenizer.to_json(), "names": list(new.names), "left_out": new.left_out}
            write_store(self.first, arrays, {**facts, "rates": rates.as_json()})

    def write_tokens(self, stages: Stages) -> None:
        """Write the tokens of the texts for training; those of texts that are left out are none."""
        tokenizer, split, *_ = self.begun()
        check_room(self.path, 2 * COPIES * self.source.size)  # in parts, then in the file
        with Spools(self.path.parent) as spools:
            ids = NewRows.of_ids(tokenizer, spools)
            report = stages("encoding the texts for training")
            encode_into(ids, split.training.texts, tokenizer, self.cut, report, keeps_rows=True)
            write_store(self.path, ids.parts("ids"), {})

    def begun_of(self, store: ArrayStore) -> Begun:
        """What the first store has."""
        facts, arrays, source = store.facts, store.arrays, self.source
        tokenizer = guarded_tokenizer(self.kind.from_json(facts["vocabulary"]))
        texts = stored_file_rows(store, "texts", source.text, source.text.state())
        examples = stored_examples(source, arrays, texts, facts["names"], facts["left_out"])
        training = examples.at(arrays["training"])
        validation = self._validation if self._validation is not None else examples.at(arrays["validation"])
        encoded = TokenRows(*stored_rows(store, "validation ids")), arrays["validation kept"]
        return tokenizer, ExampleSplit(training, validation), Rates(*facts["rates"]), encoded

    def _encoded(self, training: Examples, tokenizer: Tokenizer, rates: Rates) -> Encoded | LateTexts:
        """The texts for training with their tokens, or what encodes them."""
        if self.needs_all:
            ids = TokenRows(*stored_rows(self.tokens(), "ids"))
            kept = rows_where(ids.lengths > 0)
            return ids.at(kept), kept
        assert isinstance(training.texts, FileRows)
        tokens = StoredTokens(lambda: ArrayStore.open(self.path))
        return LateTexts(LateTokens(training.texts, tokenizer, tokens, "ids"), self.cut, rates)
