"""Tagged sentences as ids and tag numbers: the tag of a word belongs to its last token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqshell.core.tagged_words import encode_words
from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.batches import Ids, pad
from seqshell.training.optimizer import device_of
from seqshell.training.tagging.columns import TaggedSentence

NO_TAG = 0  # the target of a token that is not the last of a word; that of a tag is its number, from 1
UNSEEN = -1  # the number of a tag that the training data lacks
TOKENS = 16_384  # tokens per call, padding included


@dataclass(frozen=True)
class EncodedSentences:
    """For each sentence its ids, the place of each word's last id, and the number of each word's tag."""

    ids: Sequence[list[int]]
    last: Sequence[list[int]]
    tags: Sequence[list[int]]

    def targets(self, row: int) -> list[int]:
        """The target of each id of a sentence."""
        found = [NO_TAG] * len(self.ids[row])
        for place, tag in zip(self.last[row], self.tags[row], strict=True):
            found[place] = tag + 1  # UNSEEN becomes NO_TAG
        return found


def encoded(sentences: Sequence[TaggedSentence], tokenizer: Tokenizer, numbers: Mapping[str, int]) -> EncodedSentences:
    """Encode sentences. numbers: the number of each tag."""
    known: dict[str, list[int]] = {}
    words = [encode_words(tokenizer, sentence.words, known) for sentence in sentences]
    tags = [[numbers.get(tag, UNSEEN) for tag in sentence.tags] for sentence in sentences]
    return EncodedSentences([each.ids for each in words], [each.last for each in words], tags)


@torch.inference_mode()
def predictions(module: nn.Module, ids: Sequence[Ids], last: Sequence[Ids]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The number of each sentence, and the log-probabilities [W, C] of its words; similar lengths are read together.

    module: in eval mode, on any device.
    """
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    start = 0
    while start < len(order):
        size = 1
        while start + size < len(order) and (size + 1) * len(ids[order[start + size]]) <= TOKENS:
            size += 1
        rows = order[start : start + size]
        inputs = torch.from_numpy(pad([ids[row] for row in rows])).to(device_of(module))
        outputs, _ = module(inputs, module.initial_state(len(rows)))  # type: ignore[operator]  # a SequenceModel
        logs = outputs.float().log_softmax(-1).cpu().numpy()
        yield from ((row, logs[place, np.asarray(last[row])]) for place, row in enumerate(rows))
        start += size
