"""Text files that users name: packed ones are read as if they were not, up to a limit."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from seqshell.core import text_files
from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.text_files import read_file, unpacked
from seqshell.training.data.text import read_text


def test_a_packed_file_is_read_as_its_content(folder):
    for name in ("a.txt.gz", "A.CSV.GZ"):
        (folder / name).write_bytes(gzip.compress("\ufeffé\r\nb\n".encode()))
        assert read_file(name) == "é\nb\n"
    (folder / "two.gz").write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))  # as cat writes it
    assert read_file("two.gz") == "a\nb\n"
    (folder / "a.txt").write_bytes(gzip.compress(b"a"))
    with pytest.raises(UsageError, match=r"a\.txt is no text: it is compressed with gzip; end its name in \.gz"):
        read_file("a.txt")


@pytest.mark.parametrize("cut", [slice(0, 5), slice(0, -4), slice(1, None), slice(0, 0)])
def test_a_damaged_packed_file_is_named(folder, cut):
    (folder / "a.gz").write_bytes(gzip.compress(b"abc" * 100)[cut])
    if cut == slice(0, 0):  # gzip reads an empty file as an empty text
        assert read_file("a.gz") == ""
        return
    with pytest.raises(UsageError, match=r"cannot unpack a\.gz: "):
        read_file("a.gz")


def test_unpacking_stops_at_the_limit_of_a_file(folder, monkeypatch):
    """Ten million bytes of which only the first hundred thousand are ever in memory."""
    monkeypatch.setattr(text_files, "MAX_FILE_SIZE", 100_000)
    bomb = gzip.compress(bytes(10_000_000))
    message = r"a\.gz has more than 100,000 bytes when it is unpacked, which is the limit"
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=message):
            unpacked(bomb, "a.gz")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    (folder / "a.gz").write_bytes(bomb)
    with pytest.raises(UsageError, match=message):
        read_file("a.gz")
    with pytest.raises(RecipeError, match=message):
        read_text("a.gz")
    assert unpacked(gzip.compress(bytes(100_000)), "a.gz") == bytes(100_000)
