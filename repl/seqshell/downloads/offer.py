"""What a server offers, from the beginning of a file: the header of safetensors comes first, and says its size.

What is not a model is refused here, before gigabytes are downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqshell.core.errors import CheckpointError, DownloadError
from seqshell.core.strict_json import read_object
from seqshell.core.text_output import brief, readable
from seqshell.downloads.sources import Source
from seqshell.downloads.transport import Reply, get
from seqshell.models.file import KINDS, MAX_HEADER, parse_header
from seqshell.models.source_record import SHA256

START = 1 << 16  # bytes of the first request
FIRST = 10  # bytes of the smallest file: the length of the header, and {}
MAX_SIZE = 50_000_000_000  # bytes
MAX_OFFSET = 2**48
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Offer:
    """A file that a server has.

    size: in bytes. sha256, revision: as the server says; may be empty. validator: identifies the version of the file
    for the server, to continue a download; may be empty. start: its first bytes, up to the end of the header.
    header: of seqshell; None for a safetensors file of another program.
    """

    source: Source
    size: int
    sha256: str
    revision: str
    validator: str
    start: bytes
    header: Mapping[str, Any] | None


def look_at(source: Source) -> Offer:
    """Read the beginning of a file. Raises DownloadError, and CheckpointError if it is not a model."""
    reply, start = _start(source, START)
    if len(start) < (needed := _needed(start, reply)):
        reply, start = _start(source, needed)
        if len(start) < needed:
            raise DownloadError(f"{reply.host} ended the file before its header did; try again")
    start = start[:needed]
    header, size = read_start(start, Path(source.name))
    for said in (total_size(reply), _number(reply.first.get("X-Linked-Size", ""))):
        if said not in (None, size):
            raise CheckpointError(
                f"{source.name} is damaged on the server: it has {said:,} bytes there, and {size:,} by its header"
            )
    etag = str(reply.first.get("X-Linked-Etag", "")).strip().removeprefix("W/").strip('"').lower()
    sha256 = etag if SHA256.fullmatch(etag) else ""
    revision = brief(str(reply.first["X-Repo-Commit"])) if "X-Repo-Commit" in reply.first else ""
    return Offer(source, size, sha256, revision, _validator(reply), start, header)


def read_start(start: bytes, path: Path) -> tuple[Mapping[str, Any] | None, int]:
    """The header of seqshell, if there is one, and the size of the whole file. path: for messages.

    Raises CheckpointError if it is not the beginning of a model that may be downloaded.
    """
    try:
        outer = read_object(start[8:])
        metadata = outer.pop("__metadata__", {})
        ends = [entry["data_offsets"][1] for entry in outer.values()]
        if not all(type(end) is int and 0 <= end < MAX_OFFSET for end in ends):
            raise ValueError("a tensor has no end")
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise CheckpointError(f"{path.name}: its header is not one of safetensors: {brief(str(error))}") from None
    end = max(ends, default=0)
    size = len(start) + end
    if size > MAX_SIZE:
        raise CheckpointError(f"{path.name} has {readable(size)}; pull takes at most {readable(MAX_SIZE)}")
    if not (isinstance(metadata, dict) and isinstance(metadata.get("seqshell"), str)):
        return None, size
    header, _ = parse_header(start[8:], end, path)
    if header["kind"] != "model":
        raise CheckpointError(f"{path.name} is {KINDS[header['kind']][0]}, not a model; pull takes models alone")
    return header, size


def total_size(reply: Reply) -> int | None:
    """The size of the whole file, as the server says; None if it does not."""
    if reply.status == 206:
        found = RANGE.fullmatch(reply.field("Content-Range"))
        return int(found[3]) if found else None
    return _number(reply.field("Content-Length"))


def first_byte(reply: Reply) -> int:
    """The place in the file of the first byte that a reply has."""
    if reply.status != 206:
        return 0
    found = RANGE.fullmatch(reply.field("Content-Range"))
    return int(found[1]) if found else -1


def _start(source: Source, most: int) -> tuple[Reply, bytes]:
    """The answer to a request for the first bytes of a file, and these bytes; fewer if it has no more."""
    start = bytearray()
    with get(source.url, token=source.token, fields={"Range": f"bytes=0-{most - 1}"}) as reply:
        if first_byte(reply) != 0:
            raise DownloadError(f"{reply.host} sends another part of the file than the first")
        while len(start) < most and (block := reply.read(most - len(start))):
            start += block
            if len(start) >= FIRST and len(start) >= _needed(bytes(start), reply):
                break
    return reply, bytes(start)


def _needed(start: bytes, reply: Reply) -> int:
    """The bytes up to the end of the header. Raises CheckpointError if the file does not begin as safetensors does."""
    length = int.from_bytes(start[:8], "little")
    is_header = len(start) >= FIRST and start[8:9] == b"{"
    if is_header and length <= MAX_HEADER:
        return 8 + length
    if is_header and length < MAX_OFFSET:
        raise CheckpointError(f"the header of the file has {length:,} bytes; at most {MAX_HEADER:,} are allowed")
    if start.lstrip()[:1] == b"<" or reply.field("Content-Type").startswith("text/html"):
        raise CheckpointError(
            f"{reply.host} answers with a web page, not a model; use the address of the file, or hf:OWNER/REPO/FILE"
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{reply.host} answers with a Git LFS pointer; use the address that downloads the file")
    raise CheckpointError(f"what {reply.host} has is {'empty' if not start else 'not a safetensors file'}")


def _validator(reply: Reply) -> str:
    """What identifies this version of the file for the server: a strong ETag, else the date; empty without one."""
    etag = reply.field("ETag")
    return etag if etag.startswith('"') else reply.field("Last-Modified")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
