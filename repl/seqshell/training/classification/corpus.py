"""The labelled texts of a recipe as tokens: small files are read in memory, large ones once, into a file.

Both give the same texts and tokens. Whether two texts are equal, a hash of them tells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError, RecipeError
from seqshell.core.model import Architecture
from seqshell.core.named_files import shown_name
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.truncation import Cut
from seqshell.host import Registry
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.training.classification.data import (
    Examples,
    ExampleSplit,
    check_labels,
    check_seen,
    read_recipe_examples,
    read_recipe_split,
    split_rows,
)
from seqshell.training.classification.encoding import encode_into
from seqshell.training.classification.large_sources import LargeSource, large_source
from seqshell.training.data.array_store import ArrayStore, Spools, array_parts, check_room, write_store, written_once
from seqshell.training.data.coded import Labels, Places, label_counts
from seqshell.training.data.small_integers import integer_type, rows_where
from seqshell.training.data.store_paths import store_path
from seqshell.training.data.token_rows import TOGETHER, NewRows, TextRows, TokenRows, stored_rows
from seqshell.training.data.vocabularies import SAMPLE, shown_to_tokenizer, train_tokenizer
from seqshell.training.parent import open_parent, tokenizer_of
from seqshell.training.preparation import check_config, tokenizer_type
from seqshell.training.preparation_progress import Stages, silent
from seqshell.training.recipes.recipe import Recipe

SIDES = ("training", "validation")
COPIES = 2  # bytes of texts and ids in the file, for each of the texts, at most about

Encoded = tuple[TokenRows, NDArray[Any]]  # the ids of the texts that can be read, and the rows of these texts
RecipeTexts = tuple[Tokenizer, ExampleSplit, tuple[Encoded, Encoded] | None]


def encoding(recipe: Recipe, registry: Registry) -> Callable[[Stages], None] | None:
    """What encodes the texts of a recipe into their file, which may take minutes; None if they are few."""
    parent = tokenizer_of(open_parent(recipe, registry))
    corpus = large_examples(recipe, registry, registry.lookup("architecture", recipe.architecture), parent)
    return corpus.encode if corpus is not None else None


def read_recipe_texts(
    recipe: Recipe, registry: Registry, architecture: Architecture, parent: Tokenizer | None = None
) -> RecipeTexts:
    """The tokenizer, the texts for training and validation, and those of a large table encoded.

    parent: the tokenizer of the model that the training starts from.
    """
    if (corpus := large_examples(recipe, registry, architecture, parent)) is not None:
        return corpus.read()
    split, kind = read_recipe_split(recipe), tokenizer_type(registry, recipe.tokenizer)
    return train_tokenizer(recipe, recipe.tokenizer, kind, split.training.texts, parent, specials=True), split, None


def large_examples(
    recipe: Recipe, registry: Registry, architecture: Architecture, parent: Tokenizer | None
) -> LargeExamples | None:
    """The labelled texts of a recipe, if they are large; None for any others."""
    source = large_source(recipe)
    if source is None:
        return None
    cut = Cut.of(dataclasses.asdict(check_config(recipe, architecture)))
    return LargeExamples(recipe, source, tokenizer_type(registry, recipe.tokenizer), cut, parent)


@dataclass(frozen=True)
class LargeExamples:
    """The labelled texts of a recipe in large files. kind: of the tokenizer. cut: how the model shortens texts.

    parent: the tokenizer of the model that the training starts from.
    """

    recipe: Recipe
    source: LargeSource
    kind: Any
    cut: Cut
    parent: Tokenizer | None = None

    def read(self) -> RecipeTexts:
        """The texts and tokens in the file, which is written if it is missing."""
        for _ in range(2):
            self.encode(silent)
            store = ArrayStore.open(self.path)
            try:
                if store is not None:
                    return self._of(store)
            except (CheckpointError, KeyError, TypeError, ValueError):
                self.path.unlink(missing_ok=True)
        raise RecipeError(f"{self.path} was removed while it was read; train again")

    def encode(self, stages: Stages) -> None:
        """Write the file, unless it is there."""
        self.source.read(stages(f"reading {shown_name(self.source.path.name)}"))
        waiting = stages("waiting for another training")
        written_once(self.path, lambda: self._write(stages), lambda: waiting(0, 1))

    @cached_property
    def path(self) -> Path:
        """The file."""
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
        )

    @cached_property
    def _validation(self) -> Examples | None:
        """The examples of the file for validation; None if a share is held out."""
        validation = self.recipe.data.validation
        return read_recipe_examples(self.recipe, str(validation)) if isinstance(validation, str) else None

    def _write(self, stages: Stages) -> None:
        """Read and split the texts, train the tokenizer, and write texts, labels and tokens."""
        source, name = self.source, self.source.path.name
        check_room(self.path, 2 * COPIES * source.size)  # in parts, then in the file
        with Spools(self.path.parent) as spools:
            texts, codes, numbers = NewRows(np.uint8, spools), spools.new(np.uint32), spools.new(np.int64)
            names, left_out, last = dict[str, int](), [0, 0], 0
            found = source.rows(stages(f"reading the rows of {shown_name(name)}"))
            while read := list(islice(found, TOGETHER)):
                whole = [row for row in read if row[0] and row[1]]
                blank = sum(not text for text, _, _ in read)
                left_out = [left_out[0] + blank, left_out[1] + len(read) - len(whole) - blank]
                texts.extend_texts([text.encode("utf-8", "surrogatepass") for text, _, _ in whole])
                codes.add(np.array([names.setdefault(label, len(names)) for _, label, _ in whole], np.uint32).tobytes())
                numbers.add(np.array([number for _, _, number in whole], np.int64).tobytes())
                last = read[-1][2]
            content, ends = texts.arrays()
            if not names:
                raise RecipeError(f"{name} has no {'labels' if left_out[1] else 'texts'}")
            examples = Examples(
                name,
                source.digest,
                TextRows(content, ends),
                Labels(codes.array(), tuple(names)),
                Places(numbers.array(), source.place),
                *left_out,
            )
            if self._validation is None:
                rows = split_rows(examples, float(self.recipe.data.validation))  # type: ignore[arg-type]  # a number without a file
                split = ExampleSplit(*map(examples.at, rows))
            else:
                rows = rows_where(np.ones(len(examples), bool)), np.arange(0)
                split = ExampleSplit(examples, self._validation)
            check_labels(examples.labels, examples.name)
            check_seen(split.validation, label_counts(split.training.labels))
            stages("training the tokenizer")(0, 1)
            shown = shown_to_tokenizer(self.kind, split.training.texts)
            tokenizer = train_tokenizer(
                self.recipe, self.recipe.tokenizer, self.kind, shown, self.parent, specials=True
            )
            of_labels, of_rows = integer_type(len(names)), integer_type(last + 1)
            arrays = [
                *texts.parts("texts"),
                ("labels", of_labels, codes.parts(of_labels)),
                ("rows", of_rows, numbers.parts(of_rows)),
            ]
            for side, some, places in zip(SIDES, (split.training, split.validation), rows, strict=True):
                ids = NewRows.of_ids(tokenizer, spools)
                kept = encode_into(ids, some.texts, tokenizer, self.cut, stages(f"encoding the texts for {side}"))
                arrays += [*ids.parts(f"{side} ids")]
                arrays += [array_parts(side, places), array_parts(f"{side} kept", kept)]
            facts = {"vocabulary": tokenizer.to_json(), "names": list(names), "left_out": left_out}
            write_store(self.path, arrays, facts)

    def _of(self, store: ArrayStore) -> RecipeTexts:
        """What a store has."""
        facts, arrays = store.facts, store.arrays
        tokenizer = guarded_tokenizer(self.kind.from_json(facts["vocabulary"]))
        examples = Examples(
            self.source.path.name,
            self.source.digest,
            TextRows(*stored_rows(store, "texts")),
            Labels(arrays["labels"], facts["names"]),
            Places(arrays["rows"], self.source.place),
            *facts["left_out"],
        )
        training = examples.at(arrays["training"])
        validation = self._validation if self._validation is not None else examples.at(arrays["validation"])
        training_ids, validation_ids = (
            (TokenRows(*stored_rows(store, f"{side} ids")), arrays[f"{side} kept"]) for side in SIDES
        )
        return tokenizer, ExampleSplit(training, validation), (training_ids, validation_ids)
