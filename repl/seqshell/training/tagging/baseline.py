"""The baseline of a tagger: each word gets the tag that it has most often in the training data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from seqshell.training.tagging.columns import TaggedSentence
from seqshell.training.tagging.data import TaggedText, folds

FOLDS = 5  # of the cross-validation
NAME, TITLE = "most_frequent", "most frequent tag of the word"


class MostFrequentTags:
    """The most frequent tag of each word; of equally frequent ones, the first in the data.

    An unknown word gets the tag that is most frequent among words that occur once.
    """

    def __init__(self, sentences: Iterable[TaggedSentence]) -> None:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for word, tag in zip(sentence.words, sentence.tags, strict=True):
                counts[word][tag] += 1
        self._tags = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
        once = Counter(tag for tags in counts.values() if tags.total() == 1 for tag in tags)
        self._unknown = (once or sum(counts.values(), Counter())).most_common(1)[0][0]

    def __contains__(self, word: str) -> bool:
        return word in self._tags

    def predict(self, words: Sequence[str]) -> list[str]:
        """A tag for each word."""
        return [self._tags.get(word, self._unknown) for word in words]


def baseline_tags(text: TaggedText, others: TaggedText | None) -> list[list[str]]:
    """The tags of each sentence by MostFrequentTags of the others or, without others, by cross-validation."""
    if others is not None:
        known = MostFrequentTags(others.sentences)
        return [known.predict(sentence.words) for sentence in text.sentences]
    of_fold = folds(text, FOLDS)
    rests = [
        MostFrequentTags(rest)
        for fold in range(FOLDS)
        if (rest := [each for each, other in zip(text.sentences, of_fold, strict=True) if other != fold])
    ]
    return [rests[fold % len(rests)].predict(each.words) for each, fold in zip(text.sentences, of_fold, strict=True)]
