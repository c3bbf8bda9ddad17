"""Sentence pairs in large files: a training begins when its vocabularies are known; all are encoded while it runs.

Two files are written: first what a training needs to begin, such as the places of all pairs, then the tokens. Both are
used by the next training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.tokenizers import Tokenizer
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.training.data.array_store import ArrayStore, Spools, array_parts, check_room, write_store
from seqshell.training.data.distinct import numbers_of_hashes
from seqshell.training.data.file_format import PairFormat
from seqshell.training.data.file_rows import FileRows, stored_file_rows
from seqshell.training.data.late_encoding import LateTokens, Rates, StoredTokens
from seqshell.training.data.small_integers import rows_where, small
from seqshell.training.data.store_paths import store_path
from seqshell.training.data.token_rows import NewRows, TokenRows, items_at, stored_rows
from seqshell.training.data.two_stores import TwoStores
from seqshell.training.data.vocabularies import SAMPLE
from seqshell.training.preparation_progress import Stages
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.translation.data import (
    Pairs,
    PairSplit,
    check_number,
    chosen_at_random,
    read_pairs,
)
from seqshell.training.translation.encoding import (
    LONGEST_VALIDATION,
    EncodedPairs,
    LatePairs,
    encode_into,
    rates_of,
)
from seqshell.training.translation.pair_files import NewPairs, PairFiles
from seqshell.training.translation.variations import varies
from seqshell.training.translation.vocabularies import train_tokenizers

SIDES = ("training", "validation")
COPIES = 1  # bytes of ids in the file, for each of the texts, at most about

Begun = tuple[Tokenizer, Tokenizer, PairSplit, Rates, EncodedPairs]
RecipePairs = tuple[Tokenizer, Tokenizer, PairSplit, tuple[EncodedPairs | LatePairs, EncodedPairs] | None]


@dataclass(frozen=True)
class LargePairs(TwoStores[Begun]):
    """The sentence pairs of a recipe in large files. kinds, parents: as for `train_tokenizers`."""

    recipe: Recipe
    files: PairFiles
    kinds: Sequence[Any]
    parents: tuple[Tokenizer, Tokenizer] | None

    def read(self) -> RecipePairs:
        """The pairs, and their tokens or what encodes them."""
        source_tokenizer, tokenizer, sentences, rates, validation = self.begun()
        training = self._encoded(sentences.training, source_tokenizer, tokenizer, rates)
        return source_tokenizer, tokenizer, sentences, (training, validation)

    def read_files(self, stages: Stages) -> None:
        for text in self.files.texts:
            text.sha256(stages(f"reading {text.name}"))

    @property
    def needs_all(self) -> bool:
        """Whether a training asks for the tokens of all pairs before it begins."""
        settings = self.recipe.training
        return varies(settings) or (self.parents is not None and settings.extend_vocabulary)

    def path_of(self, **part: Any) -> Path:
        recipe, data = self.recipe, self.recipe.data
        return store_path(
            recipe,
            self.files.texts[0].path.name,
            self.kinds,
            texts=[text.sha256() for text in self.files.texts],
            layout=[data.encoding, data.header, data.source_column, data.target_column, self.files.places],
            validation=data.validation if self._validation is None else self._validation.digests,
            extra=[self._extra.digests, data.extra_copies] if self._extra is not None else [],
            tokenizers=[dict(recipe.source_tokenizer or {}), dict(recipe.tokenizer), SAMPLE],
            longest=recipe.training.max_length,
            parents=[recipe.training.extend_vocabulary, *(tokenizer.to_json() for tokenizer in self.parents or ())],
            **part,
        )

    @cached_property
    def _validation(self) -> Pairs | None:
        """The pairs of the files for validation; None if a share is held out."""
        files, data = self.recipe.data.validation, self.recipe.data
        if isinstance(files, float | int):
            return None
        words = [files] if isinstance(files, str) else list(files)
        return read_pairs(words, self.recipe.folder, data.origin, PairFormat.of(data))

    @cached_property
    def _extra(self) -> Pairs | None:
        data = self.recipe.data
        if not data.extra_pairs:
            return None
        return read_pairs([data.extra_pairs], self.recipe.folder, format=PairFormat.of(data))

    def write_first(self, stages: Stages) -> None:
        """Find and split the pairs, train the tokenizers, and encode the pairs for validation."""
        names, states = [text.path.name for text in self.files.texts], self._states()
        check_room(self.first, sum(text.size for text in self.files.texts))
        with Spools(self.first.parent) as spools:
            new = NewPairs.of(self.files, spools, stages(f"reading the pairs of {self.files.texts[0].name}"))
            chosen = self._split(new)
            rows = [
                side.rows(text, state) for side, text, state in zip(new.sides, self.files.sides, states, strict=True)
            ]
            sides = [Pairs((), (), *(items_at(side, places) for side in rows)) for places in chosen]
            check_number(names, sides)
            stages("training the tokenizer")(0, 1)
            source_tokenizer, tokenizer = train_tokenizers(self.recipe, sides[0], self.kinds, self.parents)
            sources, targets = (NewRows.of_ids(each, spools) for each in (source_tokenizer, tokenizer))
            report = stages("encoding the pairs for validation")
            kept = encode_into(sources, targets, sides[1], source_tokenizer, tokenizer, LONGEST_VALIDATION, report)
            arrays = [*new.sides[0].parts("sources"), *new.sides[1].parts("targets")]
            arrays += [*sources.parts("validation sources"), *targets.parts("validation targets")]
            arrays += [array_parts(side, places) for side, places in zip(SIDES, chosen, strict=True)]
            arrays += [array_parts("validation kept", kept)]
            self._check_states(states)
            rates = rates_of(sides[0], source_tokenizer, tokenizer, self.recipe.training.max_length)
            facts = {
                "vocabularies": [source_tokenizer.to_json(), tokenizer.to_json()],
                "rates": rates.as_json(),
            }
            write_store(self.first, arrays, facts)

    def write_tokens(self, stages: Stages) -> None:
        """Write the tokens of the pairs for training; those of pairs that are left out are none."""
        source_tokenizer, tokenizer, sentences, *_ = self.begun()
        pairs, longest = sentences.training, self.recipe.training.max_length
        check_room(self.path, 2 * COPIES * sum(text.size for text in self.files.texts))  # in parts, then in the file
        with Spools(self.path.parent) as spools:
            sources, targets = (NewRows.of_ids(each, spools) for each in (source_tokenizer, tokenizer))
            report = stages("encoding the pairs for training")
            encode_into(sources, targets, pairs, source_tokenizer, tokenizer, longest, report, keeps_rows=True)
            write_store(self.path, [*sources.parts("sources"), *targets.parts("targets")], {})

    def _states(self) -> list[tuple[int, ...]]:
        """The states of the files of both sides."""
        return [text.state() for text in self.files.sides]

    def _check_states(self, before: Sequence[tuple[int, ...]]) -> None:
        """Raise RecipeError if a file has changed."""
        for text, state in zip(self.files.sides, before, strict=True):
            text.part(0, 0, state)

    def _split(self, new: NewPairs) -> tuple[NDArray[Any], NDArray[Any]]:
        """The rows for training and those for validation, among which those of other files are put."""
        number = len(new)
        if self._validation is None:
            numbers = numbers_of_hashes(new.hashes)
            held_out = chosen_at_random(int(numbers.max()) + 1, float(self.recipe.data.validation))[numbers]  # type: ignore[arg-type]  # a number without files
        else:
            new.add(zip(self._validation.sources, self._validation.targets, strict=True))
            held_out = np.arange(len(new)) >= number
        written = np.array(new.is_written, bool)
        validation, training_rows = rows_where(held_out & written), rows_where(~held_out & written)
        if self._extra is not None:
            extra = np.array(new.add(zip(self._extra.sources, self._extra.targets, strict=True)))
            of_each = np.array(new.hashes).view(np.uint64)
            extra = extra[~np.isin(of_each[extra], of_each[: len(held_out)][held_out])]
            extra = extra[np.array(new.is_written, bool)[extra]]
            training_rows = np.concatenate((training_rows, np.tile(extra, self.recipe.data.extra_copies)))
        return small(training_rows), validation

    def begun_of(self, store: ArrayStore) -> Begun:
        """What a store has."""
        facts, arrays = store.facts, store.arrays
        read = [
            guarded_tokenizer(kind.from_json(data))
            for kind, data in zip(self.kinds, facts["vocabularies"], strict=True)
        ]
        is_one = facts["vocabularies"][0] == facts["vocabularies"][1]
        source_tokenizer, tokenizer = (read[1], read[1]) if is_one else read
        texts = [
            stored_file_rows(store, name, text, state)
            for name, text, state in zip(("sources", "targets"), self.files.sides, self._states(), strict=True)
        ]
        training, validation = (
            Pairs(*names, *(side.at(arrays[name]) for side in texts))
            for name, names in zip(SIDES, self._names(), strict=True)
        )
        ids = [TokenRows(*stored_rows(store, f"validation {side}")) for side in ("sources", "targets")]
        encoded = EncodedPairs(validation.at(arrays["validation kept"]), *ids)
        return source_tokenizer, tokenizer, PairSplit(training, validation), Rates(*facts["rates"]), encoded

    def _names(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """The names and digests of the files for training, and of those for validation."""
        own = tuple(text.path.name for text in self.files.texts), tuple(text.sha256() for text in self.files.texts)
        extra, others = self._extra, self._validation
        return [
            own if extra is None else (own[0] + extra.names, own[1] + extra.digests),
            own if others is None else (others.names, others.digests),
        ]

    def _encoded(
        self, training: Pairs, source_tokenizer: Tokenizer, tokenizer: Tokenizer, rates: Rates
    ) -> EncodedPairs | LatePairs:
        """The pairs for training with their tokens, or what encodes them."""
        if self.needs_all:
            store = self.tokens()
            ids = [TokenRows(*stored_rows(store, side)) for side in ("sources", "targets")]
            kept = rows_where(ids[0].lengths > 0)
            return EncodedPairs(training.at(kept), *(side.at(kept) for side in ids))
        assert isinstance(training.sources, FileRows)
        assert isinstance(training.targets, FileRows)
        tokens = StoredTokens(lambda: ArrayStore.open(self.path))
        sources = LateTokens(training.sources, source_tokenizer, tokens, "sources")
        targets = LateTokens(training.targets, tokenizer, tokens, "targets")
        return LatePairs(training, sources, targets, self.recipe.training.max_length, rates)
