"""The files of the text of a recipe, if one of them is large, and the tokenizer that is trained on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqshell.core.subword_tokenizers import Vocabulary
from seqshell.core.tokenizers import CharTokenizer, Tokenizer
from seqshell.core.word_counts import CountedText
from seqshell.training.data import large_text
from seqshell.training.data.large_text import Halves, LargeText, cut_before_spaces
from seqshell.training.data.part_encoding import can_be_cut
from seqshell.training.data.store_paths import store_path
from seqshell.training.data.vocabularies import SAMPLE, train_tokenizer, trains_on_counts
from seqshell.training.data.word_counting import counted_words
from seqshell.training.preparation_progress import Stages
from seqshell.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class TextFiles:
    """The text of a recipe in one large file, or two. validation: None if a share of the text is held out.

    kind: the class of the tokenizer. parent: the tokenizer of the model that the training starts from.
    """

    recipe: Recipe
    kind: Any
    text: LargeText
    validation: LargeText | None
    parent: Tokenizer | None = None

    @property
    def path(self) -> Path:
        """The file with the tokens."""
        return self.path_of()

    def path_of(self, **part: Any) -> Path:
        """A file, named after the text and a hash of all that its content depends on. part: what is in it."""
        data = self.recipe.data
        return store_path(
            self.recipe,
            self.text.path.name,
            (self.kind,),
            text=self.text.facts().sha256,
            encoding=data.encoding,
            validation=data.validation if self.validation is None else self.validation.facts().sha256,
            tokenizer=dict(self.recipe.tokenizer),
            parent=[self.parent.to_json(), self.recipe.training.extend_vocabulary] if self.parent else None,
            sample=SAMPLE,
            **part,
        )

    def share_of(self, characters: int) -> int:
        """The number of characters for training. characters: of the whole text."""
        return characters if self.validation else int((1 - float(self.recipe.data.validation)) * characters)  # type: ignore[arg-type]  # a number without a file

    def held_out(self, cut: int) -> int:
        """The number of characters for validation. cut: the number for training."""
        return self.validation.facts().characters if self.validation else self.text.facts().characters - cut

    def parts(self, blocks: Iterable[str]) -> Iterator[str]:
        """The parts that are encoded one by one."""
        return cut_before_spaces(blocks) if can_be_cut(self.kind) else iter(["".join(blocks)])

    def trained_tokenizer(self, cut: int, stages: Stages) -> Tokenizer:
        """The tokenizer, trained on the training part; without UNK on all, as for a small text.

        Words are counted in all of it. Subwords, whose training takes longer, are learned from a sample of large texts.
        """
        name, size = f"vocabulary of {self.text.name}", self.text.size
        if self.kind is not CharTokenizer:  # which has no UNK
            is_sample = size > SAMPLE and issubclass(self.kind, Vocabulary) and not trains_on_counts(self.kind)
            blocks = Halves(self.text.blocks(stages(f"{name}, from a sample" if is_sample else name)), cut).first()
            if is_sample:
                blocks = large_text.sample(blocks, -(-size // SAMPLE))
            parts = self.parts(blocks)
            contents = (part.encode("utf-8", "surrogatepass") for part in parts)
            tokenizer = self.trained(counted_words(contents, size) if trains_on_counts(self.kind) else parts)
            if tokenizer.unk is not None:
                return tokenizer
        others = (self.validation.blocks(),) if self.validation else ()
        texts = (self.text.blocks(stages(name)), *others)
        return self.trained(part for blocks in texts for part in self.parts(blocks))

    def trained(self, texts: Iterable[CountedText]) -> Tokenizer:
        """The tokenizer, trained on texts; the parent's if there is one."""
        return train_tokenizer(self.recipe, self.recipe.tokenizer, self.kind, texts, self.parent)
