"""BLEU computed by hand, Moses tokens, groups by length, and reading sentence pairs."""

from __future__ import annotations

import hashlib
import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest

from seqshell.core.errors import RecipeError, UsageError
from seqshell.training.translation import bleu
from seqshell.training.translation.data import read_pairs


def test_bleu_is_the_mean_of_four_precisions_times_the_brevity_penalty() -> None:
    """One word of seven differs: 6/7, 5/6 - 1/6 ..., counted by hand (Papineni et al. 2002)."""
    hypothesis, reference = "the cat sat on the red mat", "the cat sat on the old mat"

    found = bleu.bleu([hypothesis], [reference])

    precisions = (6 / 7, 4 / 6, 3 / 5, 2 / 4)  # the n-grams without "red"
    assert found.value == pytest.approx(100 * math.prod(precisions) ** 0.25)
    assert found.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")

    short = bleu.bleu(["the cat sat on"], ["the cat sat on the mat"])
    assert short.value == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_n_grams_are_counted_over_the_whole_corpus_and_blank_translations_are_allowed() -> None:
    hypotheses, references = ["a b c d e", ""], ["a b c d e", "x y"]

    assert bleu.bleu(hypotheses, references).value == pytest.approx(100 * math.exp(1 - 7 / 5))
    assert bleu.chrf(["same text"], ["same text"]).value == pytest.approx(100)
    assert bleu.chrf(["ab"], ["ac"]).value == pytest.approx(100 * 0.5 / 2)  # one letter of two matches, and no pair
    assert bleu.chrf(["ab"], ["ac"]).signature.startswith("nrefs:1|case:mixed|eff:yes|nc:6")


@pytest.mark.parametrize(
    ("language", "line", "tokens"),
    [
        (
            "en",
            "The dog's owner DOESN'T know, “really”.",
            "the dog &apos;s owner doesn &apos;t know , &quot; really . &quot;",
        ),
        ("en", "A well-known man & his wife.", "a well-known man &amp; his wife ."),
        ("de", "Der Mann, z.B. im Park, geht’s an.", "der mann , z.b. im park , geht &apos; s an ."),
        ("fr", "C'est l'été d’Anne.", "c&apos; est l&apos; été d&apos; anne ."),
    ],
)
def test_moses_tokens_are_lowercased_and_follow_the_rules_of_a_language(language: str, line: str, tokens: str) -> None:
    assert bleu.moses_tokens([line], language) == [tokens]


def test_bleu_of_lowercased_tokens_ignores_case_and_quotes() -> None:
    """Split only at spaces, both would share nothing but "red"."""
    hypothesis, reference = "“It's a RED car,” he said.", '"it\'s a red car," He said.'

    assert bleu.bleu([hypothesis], [reference]).value < 50
    found = bleu.bleu_lc_tok([hypothesis], [reference])
    assert found.value == pytest.approx(100)
    assert found.signature.startswith("nrefs:1|case:lc|eff:no|tok:moses-en|")


def test_the_token_language_is_the_requested_one_or_the_first_valid_guess() -> None:
    assert bleu.find_language(None, "fr") == "fr"
    assert bleu.find_language(None, "txt", "French") == "fr"
    assert bleu.find_language(None, "txt", "") == "en"
    assert bleu.find_language("German", "fr") == "de"
    with pytest.raises(UsageError, match="no Moses rules for the language 'klingon'; choose from as, bn, ca"):
        bleu.find_language("klingon", "fr")


def test_groups_by_length_use_the_number_of_source_words() -> None:
    sources = ["one", "a b c d", "a b c d e", "w " * 40, ""]
    references = ["un deux trois quatre", "a b c d", "a b c d e", "w " * 40, "nothing"]
    hypotheses = ["un deux trois quatre", "a b c x", "a b c d e", "w " * 40, ""]

    found = bleu.bleu_by_length(sources, hypotheses, references)

    assert [(score.low, score.high, score.items) for score in found] == [(1, 4, 2), (5, 9, 1), (30, None, 1)]
    assert [score.bleu for score in found[1:]] == pytest.approx([100, 100])
    assert found[0].bleu == pytest.approx(bleu.bleu(hypotheses[:2], references[:2]).value)


def test_a_missing_library_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    bleu.check_available()

    def without(missing: str) -> Any:
        return lambda name, *rest: None if name == missing else find_spec(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without("sacremoses"))
    assert bleu.is_available()
    with pytest.raises(UsageError, match=r"needs sacremoses: pip install sacrebleu sacremoses"):
        bleu.check_available()
    monkeypatch.setattr(importlib.util, "find_spec", without("sacrebleu"))
    assert not bleu.is_available()


def test_pairs_are_read_from_two_files_or_two_columns(tmp_path: Path) -> None:
    (tmp_path / "test.en").write_bytes(
        b"\xef\xbb\xbfgood morning\r\n\r\nsee\xe2\x80\xa8you\r\n"
    )  # a line separator inside a sentence
    (tmp_path / "test.fr").write_text("bonjour\n\nà plus")
    (tmp_path / "pairs.tsv").write_text("good morning\tbonjour\tCC BY 2.0\nhi\tsalut\n")

    two = read_pairs(("test.en", "test.fr"), tmp_path)
    assert list(zip(two.sources, two.targets, strict=True)) == [
        ("good morning", "bonjour"),
        ("", ""),
        ("see\u2028you", "à plus"),
    ]
    assert (two.names, len(two)) == (("test.en", "test.fr"), 3)
    assert two.digests[1] == hashlib.sha256("bonjour\n\nà plus".encode()).hexdigest()

    one = read_pairs((str(tmp_path / "pairs.tsv"),))
    assert list(zip(one.sources, one.targets, strict=True)) == [("good morning", "bonjour"), ("hi", "salut")]
    assert (one.names, len(one.digests)) == (("pairs.tsv",), 1)


def test_mismatched_pairs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\nthree\n")
    (tmp_path / "a.fr").write_text("un\ndeux\n")
    (tmp_path / "a.tsv").write_text("one\tun\ntwo deux\n")

    with pytest.raises(RecipeError, match=r"a\.en has 3 lines and a\.fr has 2; they must match line by line"):
        read_pairs(("a.en", "a.fr"), tmp_path)
    with pytest.raises(RecipeError, match=r"a\.tsv, row 2: 1 cells, but others have 2"):
        read_pairs(("a.tsv",), tmp_path)
    with pytest.raises(RecipeError, match=r"b\.en does not exist; get it from somewhere"):
        read_pairs(("b.en", "a.fr"), tmp_path, "somewhere")
    with pytest.raises(RecipeError, match="a source and a target file, or one file with a tab"):
        read_pairs(("a.en", "a.fr", "a.tsv"), tmp_path)
