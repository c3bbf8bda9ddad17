"""The sampler `bias`: tokens by text or id, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plugins.sampler_contexts import context_after

from seqshell import SampleContext, UsageError
from seqshell.core.plugin_api import build
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.chain import Chain
from seqshell_samplers.bias import Bias


def test_bias_changes_tokens_named_by_text_or_id():
    logits = np.zeros(8)
    biased = Bias("a:+2 c:-inf #7:-1.5 a:1")(logits, context_after())
    np.testing.assert_array_equal(biased, [3, 0, -np.inf, 0, 0, 0, 0, -1.5])
    biased = Bias("#0:-inf #1:-inf")(np.zeros(2), context_after())
    np.testing.assert_array_equal(biased, [0, 0])  # it never excludes every token


def test_bias_accepts_spaces_colons_and_newlines_as_tokens():
    context = SampleContext(tokenizer=CharTokenizer("\n :#"))
    np.testing.assert_array_equal(Bias(" :1  :1 \n:2 ::3 #:4")(np.zeros(4), context), [2, 2, 3, 4])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("e", "invalid entry 'e'; expected TOKEN:AMOUNT"),
        ("a:1 b", "invalid entry 'b'"),
        ("a:101", "the amount of 'a' must be -100 to 100, or -inf, not 101"),
        ("a:+inf", "must be -100 to 100, or -inf"),
        ("a:nan", "invalid entry 'a:nan'"),
    ],
)
def test_an_invalid_bias_is_an_error_when_the_sampler_is_built(tokens, message):
    with pytest.raises(UsageError, match=message):
        build(Bias, {"tokens": tokens})


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("z:1", "bias: the model's vocabulary has no 'z'"),
        ("ab:1", "bias: 'ab' is 2 tokens in this model"),
        ("#8:1", "bias: no token has the id 8; this model's ids are 0 to 7"),
    ],
)
def test_the_error_for_an_invalid_bias_token_names_it(tokens, message):
    with pytest.raises(UsageError, match=message):
        Chain([Bias(tokens)]).logits(np.zeros(8), context_after())
