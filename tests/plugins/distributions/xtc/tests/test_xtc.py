import numpy as np
import pytest
import seqshell_xtc
from seqshell_xtc.sampler import Xtc

from seqshell import Draw, SampleContext
from seqshell.testing import check_sampler, failed, run, tiny_model

PROBS = np.array([0.4, 0.3, 0.15, 0.1, 0.05])


def remaining(sampler, probs=PROBS, position=0):
    """The ids that can still be drawn."""
    return np.flatnonzero(
        np.isfinite(sampler(np.log(probs), SampleContext(position=position, draw=Draw(seed=7))))
    ).tolist()


def test_the_sampler_passes_all_checks():
    assert not failed(check_sampler(Xtc))


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [(0.5, [0, 1, 2, 3, 4]), (0.35, [0, 1, 2, 3, 4]), (0.2, [1, 2, 3, 4]), (0.12, [2, 3, 4]), (0, [4])],
)
def test_the_least_likely_of_the_top_choices_stays(threshold, kept):
    assert remaining(Xtc(probability=1, threshold=threshold)) == kept


def test_it_acts_with_the_given_probability():
    """Over 2,000 positions, within three standard deviations; the same positions every time."""
    acted = [len(remaining(Xtc(probability=0.3), position=position)) < 5 for position in range(2000)]

    assert abs(np.mean(acted) - 0.3) < 3 * np.sqrt(0.3 * 0.7 / 2000)
    assert acted == [len(remaining(Xtc(probability=0.3), position=position)) < 5 for position in range(2000)]


def test_the_seed_makes_it_reproducible_and_greedy_decoding_skips_it():
    def answer(*lines, seed=0):
        return run([*lines, "/continue 30"], model=tiny_model(), plugins=[seqshell_xtc], seed=seed)[-1].answer

    assert answer("/sampler xtc=0.5", seed=3) == answer("/sampler xtc=0.5", seed=3)
    assert answer("/sampler xtc=0.5", seed=3) != answer("/sampler none", seed=3)
    assert answer("/sampler xtc=1", "/strategy greedy") == answer("/sampler none", "/strategy greedy")
