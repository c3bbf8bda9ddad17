"""The sampler `mirostat`: what it removes, and how mu follows the surprisal."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.plugins.sampler_contexts import NO_CONTEXT, context_after, kept, probs

from seqshell.decoding.chain import Chain
from seqshell.decoding.probabilities import log_probs
from seqshell_samplers.mirostat import Mirostat


def test_mirostat_removes_tokens_more_surprising_than_mu():
    logits = np.log([0.5, 0.25, 0.125, 0.125])  # 1, 2, 3 and 3 bits
    assert kept(Mirostat(tau=1.2)(logits, NO_CONTEXT)) == {0, 1}  # mu = 2.4
    assert kept(Mirostat(tau=2)(logits, NO_CONTEXT)) == {0, 1, 2, 3}
    assert kept(Mirostat(tau=2)(logits, context_after(memory=1.5))) == {0}
    assert kept(Mirostat(tau=2)(logits, context_after(memory=-3.0))) == {0}


def test_mirostat_moves_mu_against_the_error():
    drawn_from = np.log([0.5, 0.25, 0.25])  # the log-probabilities
    sampler = Mirostat(tau=1.5, eta=0.1)
    assert sampler.update(None, 0, drawn_from) == pytest.approx(3.05)  # 2 tau - eta (1 - tau)
    assert sampler.update(3.05, 1, drawn_from) == pytest.approx(3.0)
    assert Mirostat(tau=0).update(None, 0, drawn_from) is None


@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_mirostat_brings_the_surprisal_of_the_text_to_tau(tau):
    """On Zipf's law, as in the paper's figure 3, the mean of 3,000 draws is within 0.1 bit of the target."""
    random = np.random.default_rng(0)
    chain, memories, surprisals = Chain([Mirostat(tau)]), (None,), []
    zipf = -1.1 * np.log(np.arange(1, 201))
    for _ in range(3000):
        logits = chain.logits(zipf, NO_CONTEXT, memories)
        token = int(random.choice(200, p=probs(logits)))
        surprisals.append(-log_probs(logits)[token] / math.log(2))
        memories = chain.updated(memories, token, logits)

    assert np.mean(surprisals[500:]) == pytest.approx(tau, abs=0.1)
    assert -np.log2(probs(zipf)) @ probs(zipf) > 5  # bits, without mirostat
