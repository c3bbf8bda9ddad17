"""BLEU and chrF of translations: by sacrebleu on text as it stands, and over lowercased Moses tokens, as papers on small data count.

The only place that imports sacrebleu and sacremoses, which come with the extra `evaluate`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqshell.core.errors import UsageError

LENGTHS = (1, 5, 10, 15, 20, 30)  # where the groups of bleu_by_length begin, in words of the source


@dataclass(frozen=True)
class CorpusScore:
    """A figure of a corpus, 0 to 100, and the signature that says how it was counted, so that others can count it again."""

    value: float
    signature: str


@dataclass(frozen=True)
class LengthScore:
    """The BLEU of the sentences whose source has `low` to `high` words (None: or more)."""

    low: int
    high: int | None
    items: int
    bleu: float


def is_available() -> bool:
    """Whether sacrebleu is installed, so that `bleu` can be counted."""
    return importlib.util.find_spec("sacrebleu") is not None


def check_available() -> None:
    """UsageError when sacrebleu or sacremoses is missing; said before the work, not after it."""
    for library in ("sacrebleu", "sacremoses"):
        if importlib.util.find_spec(library) is None:
            raise UsageError(f"translations cannot be measured without {library}: pip install 'seqshell[evaluate]'")


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    """Corpus BLEU (Papineni et al. 2002), cased and detokenised, as sacrebleu has it by default (Post 2018)."""
    return _bleu(hypotheses, references, "13a")


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    """chrF2 (Popović 2015): the F-score of character n-grams up to six, recall counting twice, cased."""
    from sacrebleu.metrics.chrf import CHRF

    return _score(CHRF(), hypotheses, references)


def bleu_lc_tok(hypotheses: Sequence[str], references: Sequence[str], language: str = "en") -> CorpusScore:
    """Corpus BLEU over `moses_tokens` of both sides; language: of the target."""
    score = _bleu(moses_tokens(hypotheses, language), moses_tokens(references, language), "none")
    return CorpusScore(
        score.value, score.signature.replace("case:mixed", "case:lc").replace("tok:none", f"tok:moses-{language}")
    )


def bleu_by_length(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> tuple[LengthScore, ...]:
    """`bleu` of the sentences grouped by the words of their source; groups without a sentence are left out, and so are blank sources."""
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
    """Each line lowercased, its punctuation normalised, and cut into tokens by the rules of `language`, one space between them.

    These steps with sacremoses's own settings (escapes such as &apos; among them) give the tokenised files that Multi30k publishes.
    """
    from sacremoses import MosesPunctNormalizer, MosesTokenizer  # type: ignore[import-untyped]  # it has no types

    normalizer, tokenizer = MosesPunctNormalizer(lang=language), MosesTokenizer(lang=language)
    return [tokenizer.tokenize(normalizer.normalize(line.lower()), return_str=True) for line in lines]


def find_language(wanted: str | None, *guesses: str) -> str:
    """The code of the language whose Moses rules count: the one that was asked for, else the first guess that is one, else English.

    Each may be a code or an English name. UsageError for a wanted language that sacremoses has no rules for.
    """
    from sacremoses.corpus import NonbreakingPrefixes  # type: ignore[import-untyped]  # it has no types

    codes: dict[str, str] = NonbreakingPrefixes().available_langs
    if wanted is None:
        return next((codes[guess.lower()] for guess in guesses if guess.lower() in codes), "en")
    if wanted.lower() not in codes:
        raise UsageError(
            f"there are no Moses rules for the language {wanted!r}; there are for {', '.join(sorted(set(codes.values())))}"
        )
    return codes[wanted.lower()]


def _bleu(hypotheses: Sequence[str], references: Sequence[str], tokenize: str) -> CorpusScore:
    from sacrebleu.metrics.bleu import BLEU

    # force: sacrebleu would warn of text that looks tokenised, which ours may be on purpose.
    return _score(BLEU(tokenize=tokenize, force=True), hypotheses, references)


def _score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScore:
    value = metric.corpus_score(list(hypotheses), [list(references)]).score
    return CorpusScore(float(value), str(metric.get_signature()))
