"""A large text whose tokens begin at spaces: a training begins when its vocabulary is known, and its tokens are encoded
while it runs.

Two files are written: first what a training needs to begin, then the tokens. Both are used by the next training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.subword_tokenizers import Vocabulary
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer, Tokenizer
from seqshell.models.guarded_tokenizer import guarded_tokenizer
from seqshell.training.data.array_store import (
    ArrayStore,
    array_parts,
    check_room,
    read_written,
    write_store,
    written_once,
)
from seqshell.training.data.encoding_workers import EncodingWorkers, num_workers
from seqshell.training.data.large_text import cut_before_spaces
from seqshell.training.data.part_encoding import can_be_cut, part_encoder
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.text import BEGINNING, StoredText, check_length
from seqshell.training.data.vocabularies import SAMPLE, trains_on_counts
from seqshell.training.data.word_counting import counted_words
from seqshell.training.language.begun import Scan
from seqshell.training.language.sections import Sections, SectionTokens, encoded, line_start
from seqshell.training.language.text_files import TextFiles
from seqshell.training.preparation_progress import Stages, silent

COUNTED = 8  # sections whose words are counted together
ESTIMATED = 32  # sections whose tokens are counted, from which the number of all follows


def has_sections(kind: type[Any]) -> bool:
    """Whether a text with tokenizers of this class is divided into sections."""
    return can_be_cut(kind) and kind not in (CharTokenizer, ByteTokenizer)


@dataclass(frozen=True)
class SectionCorpus:
    """The tokens of a text in sections. scan: what reading the text has shown."""

    files: TextFiles
    scan: Scan

    def begin(self, stages: Stages) -> None:
        """Write what a training needs to begin, unless it is there. Errors as for `LargeCorpus.encode`."""
        waiting = stages("waiting for another training")
        try:
            written_once(self._first, lambda: self._write_first(stages), lambda: waiting(0, 1))
        except VocabularyError as error:
            raise RecipeError(f"{self.files.text.name}: {error.message}") from None

    def read(self) -> tuple[Tokenizer, StoredText, SectionTokens, NDArray[Any]]:
        """The tokenizer, the text, the tokens of the sections for training, and those for validation."""

        def begun(store: ArrayStore) -> tuple[Tokenizer, StoredText, SectionTokens, NDArray[Any]]:
            facts = store.facts
            tokenizer = guarded_tokenizer(self.files.kind.from_json(facts["vocabulary"]))
            text = StoredText.of(facts["text"])
            sections = Sections(self.files.text, store.arrays["starts"], self.scan.state)
            return tokenizer, text, self._tokens(tokenizer, text, sections, facts), store.arrays["validation"]

        return read_written(self._first, lambda: self.begin(silent), begun)

    def encode(self, stages: Stages) -> None:
        """Write the tokens, unless they are there."""
        path = self.files.path
        written_once(path, lambda: self._write(path, stages), lambda: None)

    @cached_property
    def _first(self) -> Path:
        """The file that is written first."""
        return self.files.path_of(part="first")

    def _tokens(self, tokenizer: Tokenizer, text: StoredText, sections: Sections, facts: Any) -> SectionTokens:
        encoder, path = part_encoder(tokenizer, text.beginning), self.files.path
        dtype = integer_type(tokenizer.size)
        return SectionTokens(
            sections, facts["tokens"], encoder, dtype, lambda: ArrayStore.open(path), lambda: self.encode(silent)
        )

    def _write_first(self, stages: Stages) -> None:
        """Divide the text, train the tokenizer, and encode the validation text and some sections."""
        files, text = self.files, self.files.text
        whole, cut, end = text.facts(), *self._cut()
        check_length(text.name, cut, held_out := files.held_out(cut))
        sections = Sections.of(text, end, self.scan.state)
        tokenizer = self._tokenizer(sections, cut, stages)
        if tokenizer.size < 2:
            raise RecipeError(f"{text.name} is too short: a vocabulary of {tokenizer.size}")
        beginning, dtype = sections.content(0).decode()[:BEGINNING], integer_type(tokenizer.size)
        encoder, sizes = part_encoder(tokenizer, beginning), [0, 0]  # tokens, and bytes of the same sections
        for number in range(0, len(sections), -(-len(sections) // ESTIMATED)):
            sizes[0] += len(encoded(encoder, sections, number, dtype))
            sizes[1] += len(sections.content(number))
        tokens = round(sizes[0] / sizes[1] * sections.size)
        check_room(files.path, dtype.itemsize * tokens)
        if tokens < 16:
            raise RecipeError(f"{text.name} is too short: {tokens} tokens for training")
        facts: dict[str, Any] = {"vocabulary": tokenizer.to_json(), "tokens": tokens}
        report = stages(f"encoding the validation text of {text.name}")
        num_bytes = 0

        def held() -> Iterator[str]:
            nonlocal num_bytes
            for block in self._validation(end):
                num_bytes += len(block.encode("utf-8", "surrogatepass"))
                report(num_bytes, max(num_bytes, text.size - end))
                yield block
            found = StoredText(text.path.name, whole.sha256, (cut, held_out), num_bytes, beginning)
            facts["text"] = found.as_json()

        with EncodingWorkers(tokenizer, beginning, num_workers(files.kind, text.size - end)) as workers:
            validation = workers.encoded(cut_before_spaces(held()))
            write_store(self._first, [array_parts("starts", sections.starts), ("validation", dtype, validation)], facts)

    def _write(self, path: Path, stages: Stages) -> None:
        """Write the tokens of all sections."""
        tokenizer, text, tokens, _ = self.read()
        sections, dtype = tokens.sections, tokens.dtype
        sizes = [0]
        number = max(0, num_workers(self.files.kind, sections.size) - 1)  # a core is for the training
        report = stages(f"encoding {self.files.text.name}")
        with EncodingWorkers(tokenizer, text.beginning, number) as workers:

            def parts() -> Iterator[bytes]:
                for part in workers.encoded(content.decode() for content in sections.contents(report)):
                    sizes.append(len(part) // dtype.itemsize)
                    yield part

            firsts = (np.cumsum(sizes, dtype=np.int64).tobytes() for _ in range(1))
            write_store(path, [("tokens", dtype, parts()), ("firsts", np.int64, firsts)], {})

    def _cut(self) -> tuple[int, int]:
        """The character and the byte at which the training text ends."""
        files, text, state = self.files, self.files.text, self.scan.state
        cut = files.share_of(text.facts().characters)
        end = self.scan.byte_at(text, cut) if files.validation is None else text.size
        if files.validation is None and getattr(files.kind, "whole_lines", False):
            start = line_start(text, end, state)
            return cut - len(text.part(start, end, state).decode()), start
        return cut, end

    def _validation(self, end: int) -> Iterator[str]:
        """The validation text."""
        if self.files.validation is not None:
            return self.files.validation.blocks()
        number = int(np.searchsorted(self.scan.starts, end, "right"))
        places = [end, *self.scan.starts[number:].tolist()]
        text, state = self.files.text, self.scan.state
        return (text.part(start, stop, state).decode() for start, stop in pairwise(places))

    def _tokenizer(self, sections: Sections, cut: int, stages: Stages) -> Tokenizer:
        """The tokenizer, as `TextFiles.trained_tokenizer` trains it, from the sections."""
        kind, name = self.files.kind, f"vocabulary of {self.files.text.name}"
        if trains_on_counts(kind):
            contents = sections.contents(stages(name), together=COUNTED)
            tokenizer = self.files.trained(counted_words(contents, sections.size))
        else:
            every = -(-sections.size // SAMPLE) if issubclass(kind, Vocabulary) else 1
            contents = sections.contents(stages(f"{name}, from a sample" if every > 1 else name), every)
            tokenizer = self.files.trained(content.decode() for content in contents)
        return tokenizer if tokenizer.unk is not None else self.files.trained_tokenizer(cut, stages)
