"""The text of a recipe as tokens: a small one is read and encoded in memory, a large one once, into a file.

Both give the same tokens. The file is keyed by text and tokenizer: other trainings on them use it, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.named_files import named_path
from seqshell.core.tokenizers import CharTokenizer, Tokenizer
from seqshell.host import Registry
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.training.data.array_store import ArrayStore, check_room, read_written, write_store, written_once
from seqshell.training.data.encoding_workers import EncodingWorkers, num_workers
from seqshell.training.data.large_text import Facts, Halves, LargeText, is_large, line_start
from seqshell.training.data.late_encoding import encoded_beside
from seqshell.training.data.part_encoding import part_encoder
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.python_data import NOT_FILES
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.text import BEGINNING, SplitText, StoredText, check_length, encode, load_text
from seqshell.training.data.vocabularies import train_tokenizer
from seqshell.training.language.begun import BegunTokens, Scan, scan
from seqshell.training.language.section_corpus import SectionCorpus, has_sections
from seqshell.training.language.sections import SectionTokens
from seqshell.training.language.text_files import TextFiles
from seqshell.training.parent import open_parent, tokenizer_of
from seqshell.training.preparation import tokenizer_type
from seqshell.training.preparation_progress import Stages, silent
from seqshell.training.recipes.recipe import Recipe

RecipeText = tuple[Tokenizer, SplitText, NDArray[Any] | SectionTokens, NDArray[Any]]


def read_recipe_text(recipe: Recipe, kind: Any, parent: Tokenizer | None = None) -> RecipeText:
    """Read a recipe's text: its tokenizer, the text, and the ids of the training and validation parts.

    kind: the class of the tokenizer. parent: the tokenizer of the model that the training starts from.
    Raises RecipeError if the text is missing, invalid or too short.
    """
    if (corpus := large_corpus(recipe, kind, parent)) is not None:
        return corpus.read()
    text = load_text(recipe.data, recipe.folder, whole_lines=getattr(kind, "whole_lines", False))
    try:
        tokenizer = train_tokenizer(recipe, recipe.tokenizer, kind, [text.training], parent)
        if tokenizer.unk is None:  # or it could not read a character that occurs only in the validation text
            tokenizer = train_tokenizer(recipe, recipe.tokenizer, kind, [text.training, text.validation], parent)
        training_ids, validation_ids = encode(tokenizer, text.training), encode(tokenizer, text.validation)
    except VocabularyError as error:
        raise RecipeError(f"{text.name}: {error.message}") from None
    if tokenizer.size < 2 or training_ids.size < 16 or validation_ids.size < 2:
        raise RecipeError(
            f"{text.name} is too short: {training_ids.size} tokens for training and a vocabulary of {tokenizer.size}"
        )
    return tokenizer, text, training_ids, validation_ids


def encoding(recipe: Recipe, registry: Registry) -> Callable[[Stages], None] | None:
    """What encodes the text of a recipe into its file, which may take minutes; None if the text is small."""
    parent = tokenizer_of(open_parent(recipe, registry))
    corpus = large_corpus(recipe, tokenizer_type(registry, recipe.tokenizer), parent)
    return corpus.begin if corpus is not None else None


def beside(recipe: Recipe, kind: Any, parent: Tokenizer | None) -> AbstractContextManager[None]:
    """A context in which the text of a recipe is encoded while a training runs."""
    corpus = large_corpus(recipe, kind, parent)
    if corpus is None or ArrayStore.open(corpus.path) is not None:
        return nullcontext()
    return encoded_beside(corpus.encode_rest)


def large_corpus(recipe: Recipe, kind: Any, parent: Tokenizer | None = None) -> LargeCorpus | None:
    """The corpus of a recipe whose text, or validation text, is a large file; None for any other."""
    text, validation = _file(recipe, recipe.data.text), _file(recipe, recipe.data.validation)
    is_share = isinstance(recipe.data.validation, float | int)
    if text is None or not (is_share or validation is not None):
        return None
    if not any(each is not None and is_large(each.path) for each in (text, validation)):
        return None
    return LargeCorpus(recipe, kind, text, validation, parent)


def _file(recipe: Recipe, name: Any) -> LargeText | None:
    if not isinstance(name, str) or isinstance(name, PluginData) or name.startswith(NOT_FILES):
        return None
    path = named_path(name, recipe.folder, RecipeError)
    return LargeText(path, recipe.data.encoding) if path.is_file() else None


@dataclass(frozen=True)
class LargeCorpus(TextFiles):
    """The tokens of such files, in a file of their own."""

    def begin(self, stages: Stages) -> None:
        """What a training waits for: most texts are encoded while it runs; all others are encoded now."""
        if (sections := self._sections(stages)) is not None:
            sections.begin(stages)
        elif self._scan(stages) is None:
            self.encode(stages)

    def read(self) -> RecipeText:
        """The tokens in the file, which is written if it is missing. Raises RecipeError as `encode` does."""
        if (sections := self._sections(silent)) is not None:
            return sections.read()
        if (found := self._scan(silent)) is not None and ArrayStore.open(self.path) is None:
            return self._begun(found)

        def encoded(store: ArrayStore) -> tuple[Tokenizer, StoredText, NDArray[Any], NDArray[Any]]:
            tokenizer = guarded_tokenizer(self.kind.from_json(store.facts["vocabulary"]))
            text = StoredText.of(store.facts["text"])
            return tokenizer, text, store.arrays["training"], store.arrays["validation"]

        return read_written(self.path, lambda: self.encode(silent), encoded)

    def _scan(self, stages: Stages) -> Scan | None:
        """The text, read once, if it is one of characters in a single file; else None."""
        if self.kind is not CharTokenizer or self.validation is not None or self.parent is not None:
            return None
        return scan(self.text, stages(f"reading {self.text.name}"))

    def _sections(self, stages: Stages) -> SectionCorpus | None:
        """The corpus in sections, if its text can be divided into them; else None."""
        if not has_sections(self.kind) or (found := scan(self.text, stages(f"reading {self.text.name}"))) is None:
            return None
        return SectionCorpus(self, found)

    def _begun(self, found: Scan) -> RecipeText:
        """The tokens before the file is written."""
        whole = self.text.facts()
        cut = self.share_of(whole.characters)
        check_length(self.text.name, cut, whole.characters - cut)
        tokenizer = self.trained([found.characters])
        if tokenizer.size < 2:
            raise RecipeError(f"{self.text.name} is too short: a vocabulary of {tokenizer.size}")
        beginning, dtype = found.block(self.text, 0)[: min(cut, BEGINNING)], integer_type(tokenizer.size)
        check_room(self.path, dtype.itemsize * whole.characters)
        encoder, path = part_encoder(tokenizer, beginning), self.path

        def tokens(name: str, part: range) -> Any:
            def stored() -> NDArray[Any] | None:
                store = ArrayStore.open(path)
                return store.arrays[name] if store is not None else None

            return BegunTokens(self.text, found, encoder, dtype, part, stored)

        num_bytes = self.text.size - found.byte_at(self.text, cut)
        characters = cut, whole.characters - cut
        text = StoredText(self.text.path.name, whole.sha256, characters, num_bytes, beginning)
        return tokenizer, text, tokens("training", range(cut)), tokens("validation", range(cut, whole.characters))

    def encode_rest(self, stages: Stages) -> None:
        """Write what is not encoded yet."""
        (self._sections(silent) or self).encode(stages)

    def encode(self, stages: Stages) -> None:
        """Write the file, unless it is there. Waits while another training writes it.

        Raises RecipeError if the text is invalid or too short, if it changes while it is read, and if there is no room.
        """
        for text in filter(None, (self.text, self.validation)):
            text.facts(stages(f"reading {text.name}"))
        path = self.path
        waiting = stages("waiting for another training")
        try:
            written_once(path, lambda: self._write(path, stages), lambda: waiting(0, 1))
        except VocabularyError as error:
            raise RecipeError(f"{self.text.name}: {error.message}") from None

    def _write(self, path: Path, stages: Stages) -> None:
        """Train the tokenizer and write the tokens."""
        whole = self.text.facts()
        cut = self.share_of(whole.characters)
        if not self.validation and getattr(self.kind, "whole_lines", False):
            cut = line_start(self.text.blocks(), cut)
        held_out = self.held_out(cut)
        check_length(self.text.name, cut, held_out)
        tokenizer = self.trained_tokenizer(cut, stages)
        if tokenizer.size < 2:
            raise RecipeError(f"{self.text.name} is too short: a vocabulary of {tokenizer.size}")
        beginning = "".join(islice(self.text.blocks(), 1))[: min(cut, BEGINNING)]
        per_character = len(part_encoder(tokenizer, beginning)(beginning)) / len(beginning)
        check_room(path, int(per_character * (cut + held_out)))
        facts: dict[str, Any] = {"vocabulary": tokenizer.to_json()}
        training, validation = self._halves(whole, cut, stages)

        def held() -> Iterator[str]:
            """The blocks of the validation text, which are counted; then nothing of the text is left to read."""
            num_bytes = 0
            for block in validation:
                num_bytes += len(block.encode("utf-8", "surrogatepass"))
                yield block
            found = StoredText(self.text.path.name, whole.sha256, (cut, held_out), num_bytes, beginning)
            facts["text"] = found.as_json()

        with EncodingWorkers(tokenizer, beginning, num_workers(self.kind, self.text.size)) as workers:
            first, second = (workers.encoded(self.parts(blocks)) for blocks in (training, held()))
            dtype = integer_type(tokenizer.size)
            write_store(path, (("training", dtype, first), ("validation", dtype, second)), facts)

    def _halves(self, whole: Facts, cut: int, stages: Stages) -> tuple[Iterator[str], Iterator[str]]:
        """The blocks for training and for validation; the second are read after the first."""
        halves = Halves(self._checked(self.text, whole, stages), cut)
        if self.validation is None:
            return halves.first(), halves.second()
        return halves.first(), self._checked(self.validation, self.validation.facts(), stages)

    def _checked(self, text: LargeText, before: Facts, stages: Stages) -> Iterator[str]:
        """The blocks of a text. Raises RecipeError if it is another one than before."""
        digest = hashlib.sha256()
        yield from text.blocks(stages(f"encoding {text.name}"), digest)
        if digest.hexdigest() != before.sha256:
            raise RecipeError(f"{text.name} was changed while it was read; train again")
