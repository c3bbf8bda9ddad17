"""BLEU and chrF of translations, on plain text and, as in papers on small data, on lowercased Moses tokens.

Only this module imports sacrebleu and sacremoses, which the extra `evaluate` installs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqshell.core.errors import UsageError

LENGTHS = (1, 5, 10, 15, 20, 30)  # first lengths of the groups of bleu_by_length, in source words


@dataclass(frozen=True)
class CorpusScore:
    """A score of a corpus, 0 to 100, and sacrebleu's signature of how it was computed, for reproducing it."""

    value: float
    signature: str


@dataclass(frozen=True)
class LengthScore:
    """The BLEU of sentences whose source has `low` to `high` words; None: no upper limit."""

    low: int
    high: int | None
    items: int
    bleu: float


def is_available() -> bool:
    """True if sacrebleu is installed, which `bleu` needs."""
    return importlib.util.find_spec("sacrebleu") is not None


def check_available() -> None:
    """Raise UsageError, before the work, if sacrebleu or sacremoses is missing."""
    for library in ("sacrebleu", "sacremoses"):
        if importlib.util.find_spec(library) is None:
            raise UsageError(f"evaluating translations needs {library}: pip install sacrebleu sacremoses")


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    """Corpus BLEU, cased and detokenised, with the defaults of sacrebleu.

    The geometric mean of the n-gram precisions for n = 1 to 4, counted over the whole corpus, times a penalty for being
    shorter than the references (Papineni et al. 2002; Post 2018, https://arxiv.org/abs/1804.08771).
    """
    return _bleu(hypotheses, references, "13a")


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    """chrF2, cased: the F-score of character n-grams up to six, with twice the weight on recall (Popović 2015)."""
    from sacrebleu.metrics.chrf import CHRF

    return _score(CHRF(), hypotheses, references)


def bleu_lc_tok(hypotheses: Sequence[str], references: Sequence[str], language: str = "en") -> CorpusScore:
    """Corpus BLEU over the `moses_tokens` of both sides. language: of the target."""
    score = _bleu(moses_tokens(hypotheses, language), moses_tokens(references, language), "none")
    return CorpusScore(
        score.value, score.signature.replace("case:mixed", "case:lc").replace("tok:none", f"tok:moses-{language}")
    )


def bleu_by_length(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> tuple[LengthScore, ...]:
    """`bleu` of the sentences grouped by the number of source words, without empty groups and blank sources."""
    found = []
    for low, following in zip(LENGTHS, (*LENGTHS[1:], None), strict=True):
        rows = [
            row
            for row, source in enumerate(sources)
            if low <= len(source.split()) and (following is None or len(source.split()) < following)
        ]
        if rows:
            score = bleu([hypotheses[row] for row in rows], [references[row] for row in rows])
            found.append(LengthScore(low, None if following is None else following - 1, len(rows), score.value))
    return tuple(found)


def moses_tokens(lines: Sequence[str], language: str = "en") -> list[str]:
    """Lowercase each line, normalise its punctuation and tokenise it by the rules of `language`, joined by spaces.

    With the default settings of sacremoses, escapes such as &apos; included, this gives the tokenised files of
    Multi30k.
    """
    from sacremoses import MosesPunctNormalizer, MosesTokenizer  # type: ignore[import-untyped]  # it has no types

    normalizer, tokenizer = MosesPunctNormalizer(lang=language), MosesTokenizer(lang=language)
    return [tokenizer.tokenize(normalizer.normalize(line.lower()), return_str=True) for line in lines]


def find_language(requested: str | None, *guesses: str) -> str:
    """The language code for Moses tokens: the requested one, else the first guess that is a language, else English.

    Each may be a code or an English name. Raises UsageError if sacremoses has no rules for the requested language.
    """
    from sacremoses.corpus import NonbreakingPrefixes  # type: ignore[import-untyped]  # it has no types

    codes: dict[str, str] = NonbreakingPrefixes().available_langs
    if requested is None:
        return next((codes[guess.lower()] for guess in guesses if guess.lower() in codes), "en")
    if requested.lower() not in codes:
        raise UsageError(
            f"no Moses rules for the language {requested!r}; choose from {', '.join(sorted(set(codes.values())))}"
        )
    return codes[requested.lower()]


def _bleu(hypotheses: Sequence[str], references: Sequence[str], tokenize: str) -> CorpusScore:
    from sacrebleu.metrics.bleu import BLEU

    # force: no warning about text that looks tokenised, which ours may be on purpose.
    return _score(BLEU(tokenize=tokenize, force=True), hypotheses, references)


def _score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    value = metric.corpus_score(list(hypotheses), [list(references)]).score
    return CorpusScore(float(value), str(metric.get_signature()))
