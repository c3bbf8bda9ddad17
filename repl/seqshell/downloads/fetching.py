"""Fetch a file: its bytes, with progress and from where an earlier try broke off; then its checks, and its name."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress

from seqshell.core.errors import CheckpointError, DownloadError, UsageError
from seqshell.core.events import Progress
from seqshell.core.named_files import opened, shown_name
from seqshell.core.text_output import readable
from seqshell.downloads.offer import Offer, first_byte, total_size
from seqshell.downloads.part import Part
from seqshell.downloads.transport import Reply, get
from seqshell.models.file import read
from seqshell.models.source_record import SourceRecord, sha256_of, write_record

BLOCK = 1 << 18  # bytes that are read together
EVERY = 0.1  # seconds from one Progress to the next
RECONNECTS = 5  # after connections that broke, but brought something
AGAIN = "the same command continues"


def fetch(part: Part, vouched_by: str) -> Iterator[Progress]:
    """Download a file to its final name, with a record of its source. vouched_by: who named its hash before.

    Raises DownloadError if it ends early, CheckpointError if it is another file than was offered or a damaged one,
    which is removed, and UsageError if it cannot be written. The final name has either nothing or the whole file.
    """
    offer = part.offer
    with part.locked():
        free = shutil.disk_usage(part.target.parent).free
        if free < (missing := offer.size - part.length()):
            folder = shown_name(part.target.parent)
            raise UsageError(f"{folder} has {readable(free)} free, and {readable(missing)} are to be downloaded")
        try:
            yield from _received(part)
            sha256 = _checked(part)
        except CheckpointError:
            part.remove()
            raise
        write_record(part.target, SourceRecord(offer.source.url, offer.revision, offer.size, sha256, vouched_by))
        part.finish()


def _received(part: Part) -> Iterator[Progress]:
    """Write all bytes of the file. After a connection that broke, ask for the rest, a few times."""
    offer, tries = part.offer, 0
    begin = part.length()
    while begin < offer.size:
        fields = {"Range": f"bytes={begin}-"} if begin else {}
        if begin and offer.validator:
            fields["If-Range"] = offer.validator
        with get(offer.source.url, token=offer.source.token, fields=fields) as reply:
            before = begin = _check_place(reply, begin, offer)
            broke, speed = "", _Speed(begin)
            with part.opened(begin) as file:
                while begin < offer.size:
                    try:
                        block = reply.read(min(BLOCK, offer.size - begin))
                    except DownloadError as error:
                        broke = error.message
                        break
                    if not block:
                        break
                    file.write(block)
                    begin += len(block)
                    if speed.is_due() or begin == offer.size:
                        yield Progress(begin, offer.size, speed.text(begin, offer.size), part.target.name)
            if begin == offer.size and total_size(reply) is None:
                _check_end(reply, offer)
        if begin < offer.size and (begin == before or tries == RECONNECTS or not part.length()):
            raise _early(part, begin, broke or f"{reply.host} ended the file early")
        tries += 1


def _check_place(reply: Reply, begin: int, offer: Offer) -> int:
    """The place where a reply begins: `begin`, or 0 if the server sends the whole file again.

    Raises CheckpointError if it is another file than was offered.
    """
    total, place = total_size(reply), first_byte(reply)
    if total not in (None, offer.size):
        raise CheckpointError(f"{reply.host} now sends {total:,} bytes, and offered {offer.size:,}", hint="try again")
    if place not in (0, begin):
        raise DownloadError(f"{reply.host} sends another part of the file than was asked for")
    return place


def _check_end(reply: Reply, offer: Offer) -> None:
    """Raise CheckpointError if a server that did not say the size sends more than it offered."""
    with suppress(DownloadError):  # the file is whole
        if reply.read(1):
            raise CheckpointError(
                f"{reply.host} sends more than the {offer.size:,} bytes that it offered", hint="try again"
            )


def _early(part: Part, begin: int, why: str) -> DownloadError:
    kept = part.length()
    if kept:
        return DownloadError(f"{why}; {kept:,} of {part.offer.size:,} bytes are there", hint=AGAIN)
    message = f"{why}, after {begin:,} of {part.offer.size:,} bytes"
    return DownloadError(message, hint="this server does not continue a download; try again")


def _checked(part: Part) -> str:
    """The hash of the file that arrived. Raises CheckpointError if it is another one than was offered, or damaged."""
    offer, name = part.offer, part.target.name
    with opened(part.path, error=CheckpointError) as file:
        if file.read(len(offer.start)) != offer.start:
            raise CheckpointError(f"{name}: the server changed the file during the download; what arrived was removed")
    sha256 = sha256_of(part.path)
    if part.sha256 not in ("", sha256):
        raise CheckpointError(f"{name} arrived with the sha256 {sha256}, not {part.sha256}; what arrived was removed")
    if offer.header is not None:
        try:
            read(part.path)
        except CheckpointError as error:
            message = error.message.replace(part.path.name, name)
            raise CheckpointError(f"{message}; what arrived was removed") from None
    return sha256


class _Speed:
    """How fast the bytes arrive, in words."""

    def __init__(self, begin: int) -> None:
        self._begin, self._started = begin, time.monotonic()
        self._shown = self._started

    def is_due(self) -> bool:
        """Whether the last Progress was long enough ago."""
        if (now := time.monotonic()) - self._shown < EVERY:
            return False
        self._shown = now
        return True

    def text(self, done: int, total: int) -> str:
        """3 MB of 7 MB, 450 kB/s."""
        seconds = max(time.monotonic() - self._started, 1e-3)
        return f"{readable(done)} of {readable(total)}, {readable(int((done - self._begin) / seconds))}/s"
