"""Bytes to text: marks, zeros, line ends, and what a file that is not UTF-8 probably is."""

from __future__ import annotations

import pytest

from seqshell.core.errors import UsageError
from seqshell.core.tables.encoding import decode

TEXT = "name,wert\nMüller,1\n“ß”,2\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf16_and_utf32_without_a_mark_are_found_by_their_zeros(encoding):
    assert decode(TEXT.encode(encoding), "a.csv") == (TEXT, encoding)
    assert decode("你好\nа\n".encode(encoding), "a.csv") == ("你好\nа\n", encoding)


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "utf-16"), ("utf-32", "utf-32")]
)
def test_a_byte_order_mark_is_removed(encoding, found):
    assert decode(TEXT.encode(encoding), "a.csv") == (TEXT, found)


def test_line_ends_become_line_feeds_and_a_carriage_return_in_a_line_stays():
    assert decode(b"a\r\nb\r\n", "a")[0] == "a\nb\n"
    assert decode(b"a\tb\rc\td\r", "a")[0] == "a\tb\nc\td\n"
    assert decode(b"a\rb\nc\n", "a")[0] == "a\rb\nc\n"


@pytest.mark.parametrize(
    ("text", "encoding", "probable"),
    [
        ("It’s a café – “déjà vu” costs 5 €\n", "cp1252", "cp1252"),
        ("Ein schöner Tag, État naïf\n", "latin-1", "cp1252"),
        ("I don’t know; it’s fine\n", "cp1252", "cp1252"),
        ("a £5 note at 12 °C\n", "cp1252", "cp1252"),
        ("un café déjà là, l’été\n", "mac_roman", "mac_roman"),
        ("Привет, как дела?\n", "cp1251", "cp1251"),
        ("Привет, как дела?\n", "koi8_r", "koi8_r"),
        ("こんにちは、日本語のテキスト\n", "shift_jis", "shift_jis"),
        ("你好，世界。这是中文文本，我们在学习。\n", "gb18030", "gb18030"),
        ("안녕하세요 세계. 한국어 텍스트입니다.\n", "euc_kr", "euc_kr"),
    ],
)
def test_other_encodings_are_refused_with_line_byte_and_a_guess_that_reads_them(text, encoding, probable):
    content = b"plain words\n" * 3 + text.encode(encoding)
    with pytest.raises(UsageError) as caught:
        decode(content, "a.txt", key="data.encoding")

    first = next(place for place, byte in enumerate(content) if byte > 127)
    assert caught.value.message.startswith(
        f"a.txt is not UTF-8 in line 4: byte {first} is 0x{content[first]:02x}; it is probably {probable} ("
    )
    assert caught.value.message.endswith(f"): --set data.encoding={probable} reads it")
    assert decode(content, "a.txt", probable)[0].endswith(text)
    with pytest.raises(UsageError, match=r"convert it to UTF-8$"):
        decode(content, "a.txt")


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"ab\nc\0d\n", "", "a.txt is no text: line 2, byte 4 is 0x00"),
        (b"PK\x03\x04\x14\0", "", "a.txt is no text: it is a zip archive or a spreadsheet such as .xlsx; in a "),
        (b"%PDF-1.4\n", "", "a.txt is no text: it is a PDF; convert it to text"),
        (b"abc", "klingon", "there is no encoding 'klingon'; one of many is cp1252"),
        (b"a\n\xff", "utf-8", "a.txt is not utf-8: line 2, byte 2"),
        (b"a\0b\0", "cp1252", "a.txt is not cp1252: it would have characters 0x00"),
    ],
)
def test_what_is_no_text_is_refused(content, encoding, message):
    with pytest.raises(UsageError) as caught:
        decode(content, "a.txt", encoding)
    assert caught.value.message.startswith(message)
