"""ROUGE computed by hand."""

from __future__ import annotations

import importlib.util

import pytest

from seqshell.core.errors import UsageError
from seqshell.training.translation import rouge


def test_rouge_is_the_mean_f1_of_what_is_in_common():
    """Four of six words, one of five pairs; the longest common subsequence is "the cat on mat"."""
    found = rouge.rouge(["The cat sat on the mat.", ""], ["the cat was on a mat", "a summary"])

    assert found == pytest.approx({"rouge1": 100 * 4 / 6 / 2, "rouge2": 100 / 5 / 2, "rougeL": 100 * 4 / 6 / 2})
    assert rouge.rouge(["b a c"], ["a b c"]) == pytest.approx({"rouge1": 100, "rouge2": 0, "rougeL": 100 * 2 / 3})
    assert rouge.rouge(["returns files"], ["return the file"])["rouge1"] == pytest.approx(80)  # without endings
    assert rouge.rouge([], []) == {"rouge1": 0, "rouge2": 0, "rougeL": 0}
    assert rouge.signature().startswith("F1|stem:porter|rouge-score:")


def test_a_missing_library_is_said_before_the_work(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(UsageError, match="ROUGE needs rouge-score: pip install rouge-score"):
        rouge.check_available()
