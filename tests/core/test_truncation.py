"""A long text is cut to its head, its tail or both ends."""

import pytest

from seqshell.core.truncation import Cut

IDS = [10, 11, 12, 13, 14, 15, 16]


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        (Cut(3, "head"), [10, 11, 12]),
        (Cut(3, "tail"), [14, 15, 16]),
        (Cut(3, "both"), [10, 11, 16]),
        (Cut(1, "both"), [10]),
        (Cut(6, "both"), [10, 11, 12, 14, 15, 16]),
        (Cut(7, "tail"), IDS),
        (Cut(8, "both"), IDS),
        (Cut(), IDS),
    ],
)
def test_a_long_text_keeps_its_head_tail_or_both_ends(cut, kept):
    assert cut(IDS) == kept


def test_the_gap_is_what_is_left_out_and_where():
    assert [Cut(3, keep).gap(10) for keep in ("head", "tail", "both")] == [(7, 3), (7, 0), (7, 2)]
    assert Cut(3).gap(3) is None
    assert Cut().gap(10) is None


def test_a_config_sets_the_cut_and_without_settings_nothing_is_cut():
    assert Cut.of({"max_length": 2, "cut": "tail", "hidden_size": 8})(IDS) == [15, 16]
    assert Cut.of({"max_length": 2})(IDS) == [10, 11]
    assert Cut.of({"hidden_size": 8})(IDS) == IDS
    assert Cut.of({"max_length": "2", "cut": 3})(IDS) == IDS  # a third-party config, whose fields mean something else
