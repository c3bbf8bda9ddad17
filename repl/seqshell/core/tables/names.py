"""Names of columns: whether the first row has them, and which ones tell what a column is."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from seqshell.core.tables.kinds import BOOLEAN, NUMBER, TIME, Content, kind_of
from seqshell.core.tables.time_parts import is_time_name

# Names of columns, the most telling first.
TEXT_NAMES = (
    *("text", "review", "sentence", "message", "comment", "tweet", "v2", "content", "body", "document", "utterance"),
    *("phrase", "query", "question", "description", "headline", "title", "abstract", "post", "name", "word"),
)
LABEL_NAMES = (
    *("label", "sentiment", "class", "category", "target", "v1", "labels", "intent", "emotion", "topic", "polarity"),
    *("tag", "genre", "type", "rating", "stars", "stance", "origin", "language", "spam", "y"),
)
SOURCE_NAMES = ("source", "src", "input", "original", "question", "prompt")
TARGET_NAMES = ("target", "tgt", "output", "translation", "answer", "response")
LANGUAGES = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "russian": "ru",
    "chinese": "zh",
    "japanese": "ja",
    "korean": "ko",
    "arabic": "ar",
    "turkish": "tr",
    "polish": "pl",
    "swedish": "sv",
    "danish": "da",
    "norwegian": "no",
    "finnish": "fi",
    "czech": "cs",
    "greek": "el",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "romanian": "ro",
    "ukrainian": "uk",
    "vietnamese": "vi",
    "thai": "th",
    "indonesian": "id",
    "latin": "la",
    "bulgarian": "bg",
    "deutsch": "de",
    "englisch": "en",
    "français": "fr",
    "anglais": "en",
    "español": "es",
    "französisch": "fr",
}
_CODES = frozenset((*LANGUAGES.values(), "ca", "hr", "sk", "sl", "et", "lv", "lt", "fa", "bn", "ta", "ur", "ga", "eu"))
_OTHER_NAMES = ("id", "index", "value", "score", "count", "number", "amount", "price", "author", "user", "url", "lang")
_KNOWN = frozenset((*TEXT_NAMES, *LABEL_NAMES, *SOURCE_NAMES, *TARGET_NAMES, *LANGUAGES, *_OTHER_NAMES))
LONGEST_LANGUAGE = 2  # words of a column named after a language, such as "English sentence"
LEAST_KNOWN = 2  # telling names that are enough, whatever the other cells of the row are
LONGEST_NAME = 5  # words; a cell with more is no name
SHORT_VALUE = 3  # words that the cells below a name of one word have, on average
SAMPLE = 200  # rows, spread over those below the first, that are compared with it


def language_of(name: str) -> str:
    """The code of the language that a column is named after: en for English, "en" and sentence_en; "" for none.

    Codes count in single words only: many are short words of sentences, such as he and it.
    """
    if len(name.split()) > LONGEST_LANGUAGE or re.search(r"[.!?,]", name):
        return ""
    words = re.split(r"[\W_]+", name.lower())
    codes = _CODES if len(name.split()) == 1 else ()
    found = [LANGUAGES.get(word, word) for word in words if word in LANGUAGES or word in codes]
    return found[0] if len(found) == 1 else ""


def is_known(name: str) -> bool:
    """True for a name that tells what its column is."""
    return name.lower() in _KNOWN or bool(language_of(name)) or is_time_name(name)


def has_names(rows: Sequence[Sequence[str]], wanted: Collection[str] = (), *, expected: bool = True) -> bool:
    """True if the first of the rows names the columns.

    wanted: names that decide if all are there. expected: the answer if nothing tells, as with two columns of texts.
    """
    first, below = [cell.strip() for cell in rows[0]], rows[1 :: max(1, (len(rows) - 1) // SAMPLE)]
    known = [is_known(cell) for cell in first if cell]
    if (wanted and set(wanted) <= set(first)) or (known and all(known)):
        return True
    if sum(known) >= LEAST_KNOWN and all(len(name.split()) < LONGEST_NAME for name in first):
        return True
    if not below:
        return expected
    columns = [
        Content(name, tuple(row[place].strip() for row in below if place < len(row)))
        for place, name in enumerate(first)
    ]
    votes = [vote for column in columns if (vote := _is_name(column)) is not None]
    if any(votes) and all(votes):
        return True
    if votes:
        typed = [column for column in columns if column.kind in (NUMBER, TIME, BOOLEAN)]
        return any(_is_name(column) for column in typed) or _has_numbered_names(typed, len(typed) < len(columns))
    if any(len(name.split()) >= LONGEST_NAME for name in first):
        return False
    single = all(re.fullmatch(r"\w+", name) for name in first)
    return expected and single and all(column.num_words >= SHORT_VALUE for column in columns)


def _is_name(column: Content) -> bool | None:
    """True if the first cell is not like those below it, False if it is one of them, None if that does not tell."""
    name = column.name
    if not name or not column.values:
        return None
    if column.kind in (NUMBER, TIME, BOOLEAN):
        return kind_of((name,)) != column.kind
    if column.has_few_values:
        return name not in column.values
    return None


def _has_numbered_names(columns: Sequence[Content], has_words: bool) -> bool:
    """True if the first cells number the columns, 0, 1, 2 or 2019, 2020, 2021, and the cells below do not.

    has_words: whether there are columns of words, too.
    """
    names = [column.name for column in columns]
    if len(names) < 2 or kind_of(names) != NUMBER or not all(name.isdigit() for name in names):
        return False
    numbers = list(map(int, names))
    is_run = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if not is_run or (numbers[0] and len(numbers) < 3 and not has_words):
        return False
    return any(column.values[:1] != (str(number + 1),) for column, number in zip(columns, numbers, strict=True))


def made_up(number: int) -> tuple[str, ...]:
    """Names for columns without any: column1, column2, ..."""
    return tuple(f"column{place}" for place in range(1, number + 1))
