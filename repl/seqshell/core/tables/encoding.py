"""Bytes to text: UTF-8, or UTF-16 and UTF-32, with a byte order mark or found by their zeros; others must be named."""

from __future__ import annotations

import codecs
import unicodedata

from seqshell.core.errors import UsageError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_WESTERN = ("cp1252", "mac_roman", "cp437", "cp1251", "koi8_r")
# How the guess reads texts of East Asia, the share of their characters in a range, and the name to set.
_EASTERN = (
    ("euc_kr", "\uac00", "\ud7a3", 0.9, "euc_kr"),
    ("shift_jis", "\u3041", "\u30ff", 0.2, "shift_jis"),
    ("euc_jp", "\u3041", "\u30ff", 0.2, "euc_jp"),
    ("gb2312", "\u4e00", "\u9fff", 0.7, "gb18030"),
    ("big5", "\u4e00", "\u9fff", 0.7, "big5"),
)
_ASCII_NEIGHBOURS = 0.2  # share of East Asian characters that may be beside an ASCII letter
_LEAST_WIDE = 3  # fewer East Asian characters are more likely a few letters of another encoding
_OTHER_FILES = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet such as .xlsx; in a spreadsheet program, save it as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Office file such as .xls; in a spreadsheet program, save it as CSV in UTF-8"),
    (b"%PDF", "a PDF; convert it to text"),
    (b"PAR1", "a Parquet file; write it as CSV, for example with pandas"),
    (b"SQLite format 3", "an SQLite database; export a table as CSV"),
    (b"\x1f\x8b", "compressed with gzip; end its name in .gz"),
    (b"\x93NUMPY", "a numpy array; write it as CSV with numpy.savetxt"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_MARKS_OF_TEXT = frozenset("‘’“”„–—…€«»£°§·•")
_SAMPLE = 100_000  # bytes that the guess looks at
_SHOWN = 12  # characters around the first byte that is not UTF-8


def decode(content: bytes, name: str, encoding: str = "", *, key: str = "") -> tuple[str, str]:
    """The text of a file and the encoding that was found, "" for UTF-8. A byte order mark is removed.

    encoding: how to decode; "": UTF-8, or what a mark or zeros show. key: what sets it, for messages.
    CRLF becomes LF; so does CR in a text without LF, as from old Macs.
    Raises UsageError with line and byte, and with what the file probably is.
    """
    if encoding:
        return _lines(_named(content, name, encoding)), ""
    for mark, found in _MARKS:
        if content.startswith(mark):
            return _lines(_named(content, name, found)), "" if found == "utf-8-sig" else found
    for start, what in _OTHER_FILES:
        if content.startswith(start):
            raise UsageError(f"{name} is no text: it is {what}", code="undecodable")
    if b"\0" in content[:_SAMPLE] and (found := _by_zeros(content)):
        return _lines(content.decode(found)), found
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(_not_utf8(content, name, error.start, key), code="undecodable") from None
    if "\0" in text:
        line, byte = _position(content, content.index(0))
        raise UsageError(f"{name} is no text: line {line}, byte {byte} is 0x00", code="undecodable")
    return _lines(text), ""


def find_encoding(beginning: bytes, name: str, encoding: str = "") -> str:
    """The encoding of a file that is read in blocks, as `decode` finds it, from its first block.

    Raises UsageError for an unknown encoding, and for a file that is no text.
    """
    if encoding:
        try:
            "a".encode(encoding)
        except LookupError:
            raise _unknown(encoding) from None
        return encoding
    for mark, found in _MARKS:
        if beginning.startswith(mark):
            return found
    for start, what in _OTHER_FILES:
        if beginning.startswith(start):
            raise UsageError(f"{name} is no text: it is {what}", code="undecodable")
    return (_by_zeros(beginning[:_SAMPLE]) if b"\0" in beginning[:_SAMPLE] else "") or "utf-8"


def undecodable(content: bytes, name: str, start: int, encoding: str, key: str, before: tuple[int, int]) -> UsageError:
    """The error for a byte of a block that is not in the encoding. before: the lines and bytes before the block."""
    if encoding == "utf-8":
        return UsageError(_not_utf8(content, name, start, key, before), code="undecodable")
    line, byte = _position(content, start, before)
    return UsageError(f"{name} is not {encoding}: line {line}, byte {byte}", code="undecodable")


def _lines(text: str) -> str:
    """The text with LF at the end of lines."""
    text = text.replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")


def _position(content: bytes, start: int, before: tuple[int, int] = (0, 0)) -> tuple[int, str]:
    """The line and the byte, for people. before: the lines and bytes before the content."""
    return before[0] + content.count(b"\n", 0, start) + 1, f"{before[1] + start}"


def _named(content: bytes, name: str, encoding: str) -> str:
    """The content in a named encoding. Raises UsageError."""
    try:
        text = content.decode(encoding)
    except LookupError:
        raise _unknown(encoding) from None
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line, byte = _position(content, start)
        raise UsageError(f"{name} is not {encoding}: line {line}, byte {byte}", code="undecodable") from None
    if "\0" in text:
        raise UsageError(f"{name} is not {encoding}: it would have characters 0x00", code="undecodable")
    return text.removeprefix("\ufeff")


def _unknown(encoding: str) -> UsageError:
    return UsageError(f"there is no encoding {encoding!r}; one of many is cp1252")


def _by_zeros(content: bytes) -> str:
    """The UTF-32 or UTF-16 without a mark in which the content is a text, or ""."""
    for encoding in _UNMARKED:
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        sample = text[:_SAMPLE]
        if "\0" not in text and all(
            each in "\t\n\r\f" or unicodedata.category(each) not in ("Cc", "Cn", "Co", "Cs") for each in sample
        ):
            return encoding
    return ""


def _not_utf8(content: bytes, name: str, start: int, key: str, before: tuple[int, int] = (0, 0)) -> str:
    """What is wrong with a file that is not UTF-8, what it probably is, and how to read it."""
    line, byte = _position(content, start, before)
    message = f"{name} is not UTF-8 in line {line}: byte {byte} is 0x{content[start]:02x}"
    encoding = _probable(content, start)
    if not encoding:
        return f"{message}; it is no text, or in an encoding that must be named" + (
            f" with --set {key}=NAME" * bool(key)
        )
    around = content[max(0, content.rfind(b"\n", 0, start) + 1, start - _SHOWN) : start + _SHOWN].split(b"\n")[0]
    shown = around.decode(encoding, "ignore").strip()
    how = f"--set {key}={encoding} reads it" if key else "convert it to UTF-8"
    return f"{message}; it is probably {encoding} ({shown!r}): {how}"


def _probable(content: bytes, start: int) -> str:
    """The encoding in which the bytes above 0x7f look most like letters and marks, or ""."""
    sample = content[max(0, content.rfind(b"\n", 0, start) + 1, start - 1000) : start + _SAMPLE]
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    eastern = next(
        (name for encoding, first, last, share, name in _EASTERN if _is_eastern(sample, encoding, first, last, share)),
        "",
    )
    scores = {encoding: score for encoding in _WESTERN if (score := _score(sample, encoding)) > 0}
    return eastern or max(scores, key=lambda encoding: scores[encoding], default="")


def _is_eastern(sample: bytes, encoding: str, first: str, last: str, share: float) -> bool:
    """True if the characters beyond ASCII are East Asian, with this share of them from `first` to `last`."""
    try:
        text = sample.decode(encoding)
    except UnicodeError:
        return False
    wide = [place for place, each in enumerate(text) if each > "\u2fff" and not "\uff61" <= each <= "\uff9f"]
    padded = f" {text} "
    beside = sum(any(each.isascii() and each.isalpha() for each in padded[place : place + 3 : 2]) for place in wide)
    return (
        len(wide) >= _LEAST_WIDE
        and len(wide) >= 0.9 * sum(not each.isascii() for each in text)
        and sum(first <= text[place] <= last for place in wide) >= share * len(wide)
        and beside <= _ASCII_NEIGHBOURS * len(wide)
    )


def _score(sample: bytes, encoding: str) -> float:
    """How much the characters beyond ASCII look like text: lower-case letters and marks most, on average.

    Where two encodings look equally good, such as for the apostrophe of cp1252, an í in mac_roman, the first is meant.
    """
    try:
        text = sample.decode(encoding)
    except UnicodeError:
        return 0.0
    points = [_points(before, each) for before, each in zip(" " + text, text, strict=False) if not each.isascii()]
    return sum(points) / len(points) if points else 0.0


def _points(before: str, each: str) -> float:
    """How likely a character is after another one."""
    category = unicodedata.category(each)
    if category == "Ll":
        return 1.0 if not before.isascii() or before.isalpha() == ("LATIN" in unicodedata.name(each, "")) else 0.5
    if category == "Lu":
        return -1.0 if before.islower() else 0.6
    return 1.0 if each in _MARKS_OF_TEXT else -3.0 if category in ("Cc", "Cn", "Co") else -0.5
