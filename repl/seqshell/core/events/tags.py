"""The answer of TAG: a tag for each word of a text, and the entities that the tags name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from seqshell.core.events.answers import Answer
from seqshell.core.events.base import Rows
from seqshell.core.tagged_words import Entity, category_of, entities, has_entities
from seqshell.core.text_output import in_one_line


@dataclass(frozen=True)
class TaggedWord:
    """A word, its most likely tag with its probability, and where it is in the text."""

    text: str
    tag: str
    probability: float
    start: int
    end: int


@dataclass(frozen=True)
class Tags(Answer):
    """The tags of a text. known_tags: all of the model.

    start, end: the positions of the session that hold its tokens. item: the number of the line, from 1, when a file is
    tagged.
    """

    op: ClassVar[str] = "tag"
    text: str
    words: tuple[TaggedWord, ...]
    known_tags: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    branch: str = "main"
    item: int | None = None

    @property
    def is_of_file(self) -> bool:
        """Whether it is the answer to a line of a file."""
        return self.item is not None

    @property
    def categories(self) -> tuple[str, ...]:
        """What the tags are about, in alphabetical order: types of entities, or the tags themselves."""
        tags = {*self.known_tags, *(word.tag for word in self.words)}
        return tuple(sorted({category_of(tag) for tag in tags} - {""}))

    @property
    def entities(self) -> list[Entity]:
        """The entities, if the model's tags name entities."""
        return entities([word.tag for word in self.words]) if has_entities(self.known_tags) else []

    def as_json(self) -> Mapping[str, Any]:
        """The words with their tags, and the entities; the text is the input."""
        item = {} if self.item is None else {"item": self.item}
        tokens = [
            {"text": word.text, "tag": word.tag, "prob": word.probability, "start": word.start, "end": word.end}
            for word in self.words
        ]
        found = [
            {"text": self.text[self.words[each.start].start : self.words[each.end - 1].end], "type": each.type}
            | {"start": self.words[each.start].start, "end": self.words[each.end - 1].end}
            for each in self.entities
        ]
        named = {"entities": found} if has_entities(self.known_tags) else {}
        return {**item, "input": self.text, "tokens": tokens, **named, **self.unknown_as_json()}

    def as_rows(self) -> Rows:
        """One row for each word."""
        return [("word", "tag", "probability"), *((word.text, word.tag, word.probability) for word in self.words)]

    def as_text(self) -> str:
        """Each word, a slash and its tag, in one line."""
        return in_one_line(" ".join(f"{word.text}/{word.tag}" for word in self.words))

    def as_columns(self) -> str:
        """Each word, a tab and its tag in a line of its own, and a blank line: the format that training reads."""
        return "".join(f"{word.text}\t{word.tag}\n" for word in self.words) + "\n"
