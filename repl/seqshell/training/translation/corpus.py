"""The sentence pairs of a recipe as tokens: small files are read and encoded in memory, large ones once, into a file.

Both give the same pairs and tokens. Whether two sources of large files are equal, a hash of them tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError, RecipeError
from seqshell.core.named_files import named_path
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.word_counts import CountedText
from seqshell.host import Registry
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.training.data.array_store import ArrayStore, Spools, array_parts, check_room, write_store, written_once
from seqshell.training.data.distinct import SIZE, hashes_of, numbers_of_hashes
from seqshell.training.data.file_format import PairFormat
from seqshell.training.data.large_table import LargeTable, large_table
from seqshell.training.data.large_text import LargeText, Report, is_large, lines_of
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.data.small_integers import rows_where, small
from seqshell.training.data.store_paths import store_path
from seqshell.training.data.table_tasks import pair_columns
from seqshell.training.data.token_rows import TOGETHER, NewRows, TextRows, TokenRows, stored_rows
from seqshell.training.data.vocabularies import SAMPLE, shown_to_tokenizer, train_tokenizer
from seqshell.training.parent import Parent, open_parent
from seqshell.training.preparation import tokenizer_type
from seqshell.training.preparation_progress import Stages, silent
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.translation.data import (
    Pairs,
    PairSplit,
    check_number,
    chosen_at_random,
    different_lengths,
    read_pairs,
    read_sentences,
)
from seqshell.training.translation.encoding import LONGEST_VALIDATION, EncodedPairs, encode_into

SIDES = ("training", "validation")
COPIES = 2  # bytes of texts and ids in the file, for each of the texts, at most about

RecipePairs = tuple[Tokenizer, Tokenizer, PairSplit, tuple[EncodedPairs, EncodedPairs] | None]


def read_recipe_pairs(recipe: Recipe, registry: Registry) -> tuple[Parent | None, RecipePairs]:
    """The parent, if there is one, the tokenizers of source and target, which are the parent's, the pairs, and large
    ones encoded.
    """
    sentences = None if any(map(is_large, _paths(recipe))) else read_sentences(recipe)  # a missing file is named first
    parent = open_parent(recipe, registry)
    if sentences is None and (corpus := large_pairs(recipe, registry, parent)) is not None:
        return parent, corpus.read()
    sentences = sentences or read_sentences(recipe)
    trained = train_tokenizers(recipe, sentences.training, _kinds(recipe, registry), _tokenizers_of(parent))
    return parent, (*trained, sentences, None)


def train_tokenizers(
    recipe: Recipe, pairs: Pairs, kinds: Sequence[Any], parents: tuple[Tokenizer, Tokenizer] | None = None
) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of source and target, the same object if the recipe has one [tokenizer].

    kinds: their types. parents: the tokenizers of the model that the training starts from, which are extended.
    """
    source, target = recipe.source_tokenizer, recipe.tokenizer
    if parents is not None:  # one for both sides if the model has one
        source = None if parents[0] is parents[1] else source or target
    tables = [source, target] if source is not None else [target]
    sides: list[Sequence[str]] = [pairs.sources, pairs.targets]
    shown: list[Iterable[CountedText]] = [
        shown_to_tokenizer(kind, side, 1 if source else 2) for kind, side in zip(kinds, sides, strict=True)
    ]
    if source is None:
        shown = [chain(*shown) if isinstance(pairs.sources, TextRows) else (*pairs.sources, *pairs.targets)]
    number = len(tables)
    of_each = zip(tables, kinds[-number:], shown, (parents or (None, None))[-number:], strict=True)
    found = [train_tokenizer(recipe, table, kind, some, old, specials=True) for table, kind, some, old in of_each]
    return found[0], found[-1]


def encoding(recipe: Recipe, registry: Registry) -> Callable[[Stages], None] | None:
    """What encodes the pairs of a recipe into their file, which may take minutes; None if they are few."""
    if not any(map(is_large, _paths(recipe))):
        return None
    corpus = large_pairs(recipe, registry, open_parent(recipe, registry))
    return corpus.encode if corpus is not None else None


def large_pairs(recipe: Recipe, registry: Registry, parent: Parent | None) -> LargePairs | None:
    """The pairs of a recipe in large files; None for others."""
    paths = _paths(recipe)
    if not any(map(is_large, paths)):
        return None
    format = PairFormat.of(recipe.data)
    files = PairFiles.of(paths, format)
    return None if files is None else LargePairs(recipe, files, _kinds(recipe, registry), _tokenizers_of(parent))


def _paths(recipe: Recipe) -> list[Path]:
    """The files of the pairs, if they are files that exist."""
    data = recipe.data
    words = [data.pairs] if data.pairs else [data.source, data.target]
    if any(isinstance(word, PluginData) or word.startswith(NOT_FILES) for word in words):
        return []
    paths = [named_path(word, recipe.folder, RecipeError) for word in words]
    return paths if all(path.is_file() for path in paths) else []


def _kinds(recipe: Recipe, registry: Registry) -> list[Any]:
    return [
        tokenizer_type(registry, table) for table in (recipe.source_tokenizer or recipe.tokenizer, recipe.tokenizer)
    ]


def _tokenizers_of(parent: Parent | None) -> tuple[Tokenizer, Tokenizer] | None:
    if parent is None or parent.model.source_tokenizer is None:
        return None
    return parent.model.source_tokenizer, parent.model.tokenizer


@dataclass(frozen=True)
class PairFiles:
    """A source and a target file, or a table with the columns at these places."""

    texts: tuple[LargeText, ...]
    table: LargeTable | None = None
    places: tuple[int, int] = (0, 1)

    @classmethod
    def of(cls, paths: Sequence[Path], format: PairFormat) -> PairFiles | None:
        """None for a table that must be read at once."""
        texts = tuple(LargeText(path, format.file.encoding) for path in paths)
        if len(paths) == 2:
            return cls(texts)
        table = large_table(paths[0], format.file, tuple(filter(None, (format.source, format.target))))
        if table is None:
            return None
        source, target = pair_columns(table.beginning, format.source, format.target)
        begins = table.beginning
        return cls(
            texts, table, (begins.place(source, "data.source_column"), begins.place(target, "data.target_column"))
        )

    def pairs(self, report: Report) -> Iterator[tuple[str, str]]:
        """The pairs. Raises RecipeError as `read_pairs` does."""
        if self.table is not None:
            source, target = self.places
            yield from ((cells[source], cells[target]) for _, cells in self.table.rows(report))
            return
        sides = [(line.removesuffix("\n") for line in lines_of(text.blocks(each))) for text, each in self._each(report)]
        numbers = [0, 0]
        for pair in zip_longest(*sides):
            for side, text in enumerate(pair):
                numbers[side] += text is not None
            if None not in pair:
                yield pair[0], pair[1]
        if numbers[0] != numbers[1]:
            raise different_lengths([text.path.name for text in self.texts], numbers)

    def _each(self, report: Report) -> list[tuple[LargeText, Report]]:
        """The texts with a report for each, as if they were one."""
        first, total = self.texts[0], sum(text.size for text in self.texts)
        return [
            (text, lambda done, size, text=text: report(done * total // max(1, size), total) if text is first else None)  # type: ignore[misc]
            for text in self.texts
        ]


@dataclass(frozen=True)
class LargePairs:
    """The sentence pairs of a recipe in large files. kinds, parents: as for `train_tokenizers`."""

    recipe: Recipe
    files: PairFiles
    kinds: Sequence[Any]
    parents: tuple[Tokenizer, Tokenizer] | None

    def read(self) -> RecipePairs:
        """The pairs and tokens in the file, which is written if it is missing."""
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
        for text in self.files.texts:
            text.facts(stages(f"reading {text.name}"))
        waiting = stages("waiting for another training")
        written_once(self.path, lambda: self._write(stages), lambda: waiting(0, 1))

    @cached_property
    def path(self) -> Path:
        """The file."""
        recipe, data = self.recipe, self.recipe.data
        return store_path(
            recipe,
            self.files.texts[0].path.name,
            self.kinds,
            texts=[text.facts().sha256 for text in self.files.texts],
            layout=[data.encoding, data.header, data.source_column, data.target_column, self.files.places],
            validation=data.validation if self._validation is None else self._validation.digests,
            extra=[self._extra.digests, data.extra_copies] if self._extra is not None else [],
            tokenizers=[dict(recipe.source_tokenizer or {}), dict(recipe.tokenizer), SAMPLE],
            parents=[recipe.training.extend_vocabulary, *(tokenizer.to_json() for tokenizer in self.parents or ())],
            longest=recipe.training.max_length,
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

    def _write(self, stages: Stages) -> None:
        """Split the pairs, train the tokenizers, and write texts and tokens."""
        check_room(self.path, 2 * COPIES * sum(text.size for text in self.files.texts))  # in parts, then in the file
        names = [text.path.name for text in self.files.texts]
        digests = [text.facts().sha256 for text in self.files.texts]
        with Spools(self.path.parent) as spools:
            texts = NewRows(np.uint8, spools), NewRows(np.uint8, spools)
            chosen = self._split(texts, stages)
            contents = [rows.arrays() for rows in texts]
            sides = [Pairs((), (), *(TextRows(*content, rows) for content in contents)) for rows in chosen]
            check_number(names, sides)
            stages("training the tokenizer")(0, 1)
            source_tokenizer, tokenizer = train_tokenizers(self.recipe, sides[0], self.kinds, self.parents)
            arrays = [*texts[0].parts("sources"), *texts[1].parts("targets")]
            limits = self.recipe.training.max_length, LONGEST_VALIDATION
            for name, pairs, rows, longest in zip(SIDES, sides, chosen, limits, strict=True):
                ids = [NewRows.of_ids(each, spools) for each in (source_tokenizer, tokenizer)]
                report = stages(f"encoding the pairs for {name}")
                kept = encode_into(ids[0], ids[1], pairs, source_tokenizer, tokenizer, longest, report)
                arrays += [*ids[0].parts(f"{name} sources"), *ids[1].parts(f"{name} targets")]
                arrays += [array_parts(name, rows), array_parts(f"{name} kept", kept)]
            extra = self._extra if self._extra is not None else Pairs((), (), (), ())
            others = self._validation if self._validation is not None else Pairs(tuple(names), tuple(digests), (), ())
            facts = {
                "vocabularies": [source_tokenizer.to_json(), tokenizer.to_json()],
                "training": [[*names, *extra.names], [*digests, *extra.digests]],
                "validation": [others.names, others.digests],
            }
            write_store(self.path, arrays, facts)

    def _split(self, texts: tuple[NewRows, NewRows], stages: Stages) -> tuple[NDArray[Any], NDArray[Any]]:
        """Read all pairs into rows of texts; returns the rows for training and those for validation."""
        hashes, is_written = bytearray(), bytearray()

        def add(pairs: Iterable[tuple[str, str]]) -> range:
            first = len(is_written)
            left = iter(pairs)
            while some := list(islice(left, TOGETHER)):
                is_written.extend([bool(source.strip() and target.strip()) for source, target in some])
                sides = [[text.encode("utf-8", "surrogatepass") for text in side] for side in zip(*some, strict=True)]
                hashes.extend(hashes_of(sides[0]).tobytes())
                for rows, contents in zip(texts, sides, strict=True):
                    rows.extend_texts(contents)
            return range(first, len(is_written))

        training = add(self.files.pairs(stages(f"reading the pairs of {self.files.texts[0].name}")))
        if self._validation is None:
            numbers = numbers_of_hashes(hashes)
            held_out = chosen_at_random(int(numbers.max()) + 1, float(self.recipe.data.validation))[numbers]  # type: ignore[arg-type]  # a number without files
        else:
            others = add(zip(self._validation.sources, self._validation.targets, strict=True))
            held_out = np.arange(len(training) + len(others)) >= len(training)
        written = np.frombuffer(is_written, bool)
        validation, training_rows = rows_where(held_out & written), rows_where(~held_out & written)
        del written  # so that the next can be appended
        if self._extra is not None:
            extra = np.array(add(zip(self._extra.sources, self._extra.targets, strict=True)))
            of_each = np.frombuffer(hashes, f"u{SIZE}")
            extra = extra[~np.isin(of_each[extra], of_each[: len(held_out)][held_out])]
            extra = extra[np.frombuffer(is_written, bool)[extra]]
            training_rows = np.concatenate((training_rows, np.tile(extra, self.recipe.data.extra_copies)))
        return small(training_rows), validation

    def _of(self, store: ArrayStore) -> RecipePairs:
        """What a store has."""
        facts, arrays = store.facts, store.arrays
        read = [
            guarded_tokenizer(kind.from_json(data))
            for kind, data in zip(self.kinds, facts["vocabularies"], strict=True)
        ]
        is_one = facts["vocabularies"][0] == facts["vocabularies"][1]
        source_tokenizer, tokenizer = (read[1], read[1]) if is_one else read
        sides, encoded = list[Pairs](), list[EncodedPairs]()
        for name in SIDES:
            of_texts = [TextRows(*stored_rows(store, side), arrays[name]) for side in ("sources", "targets")]
            sides.append(Pairs(*map(tuple, facts[name]), *of_texts))
            ids = [TokenRows(*stored_rows(store, f"{name} {side}")) for side in ("sources", "targets")]
            encoded.append(EncodedPairs(sides[-1].at(arrays[f"{name} kept"]), *ids))
        return source_tokenizer, tokenizer, PairSplit(*sides), (encoded[0], encoded[1])
