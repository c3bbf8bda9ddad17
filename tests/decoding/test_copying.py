"""Unknown words of a source are copied into a translation: the probabilities, and whole searches."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.sampling import SampleContext
from seqshell.decoding.copying import EARLY_END, Copying

UNK, EOS = 3, 2
LOGITS = np.log([0.1, 0.1, 0.2, 0.1, 0.5])


@pytest.fixture
def copying():
    """Two unknown words, the second of two tokens."""
    return Copying(UNK, EOS, (-1, 0, 1, 1, -1), (4,))


def probabilities(copying, tokens, attention):
    return np.exp(copying.logits(LOGITS, SampleContext(tokens), np.array(attention)))


def test_copying_mixes_the_model_with_unk_by_the_square_of_the_attention(copying):
    found = probabilities(copying, [], [0.2, 0.3, 0.1, 0.2, 0.2])
    share = 0.6**2
    expected = [(1 - share) * p for p in (0.1, 0.1, 0.2 * EARLY_END, 0.1, 0.5)]
    expected[UNK] += share
    np.testing.assert_allclose(found, expected)


def test_each_unknown_word_is_copied_once(copying):
    once = probabilities(copying, [0, UNK, 1], [0, 1, 0, 0, 0])
    twice = probabilities(copying, [UNK, UNK, 1], [0, 0.5, 0, 0, 0.5])
    assert once[UNK] > 0.99
    np.testing.assert_allclose(twice, [0.075, 0.075, 0.15, 0, 0.375])


def test_a_copied_word_is_not_continued(copying):
    assert probabilities(copying, [UNK], [0.5, 0.5, 0, 0, 0])[4] == 0
    assert probabilities(copying, [UNK, 0], [0.5, 0.5, 0, 0, 0])[4] > 0
