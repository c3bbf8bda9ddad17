"""Requests over https, with the standard library: few redirects, all to https, and each problem in one line.

http is accepted for this machine alone. A token goes only to the host that it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    getproxies,
)

from seqshell.core.errors import DownloadError, UsageError
from seqshell.core.text_output import brief, quoted
from seqshell.core.version import __version__

TIMEOUT = 30.0  # seconds without an answer or a byte
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
LOCAL = ("localhost", "127.0.0.1", "::1")
MAX_JSON = 10_000_000  # bytes
IN_URLS = "!#$%&'()*+,/:;=?@[]~"  # characters that stay as they are


@dataclass(frozen=True)
class Reply:
    """What a server answers. first: the fields of its first answer, which may be a redirect. host: that answers now."""

    response: HTTPResponse
    first: Message
    host: str

    @property
    def status(self) -> int:
        """200: the whole file; 206: a part."""
        return self.response.status

    def field(self, name: str) -> str:
        """A field of the answer; empty without one."""
        return str(self.response.headers.get(name, "")).strip()

    def read(self, most: int) -> bytes:
        """The bytes that are there, up to `most`; empty at the end. Raises DownloadError if the connection breaks."""
        try:
            return self.response.read1(most)
        except (HTTPException, OSError, ValueError) as error:
            raise DownloadError(f"the connection to {self.host} broke: {_why(error)}") from None

    def close(self) -> None:
        """End the connection."""
        self.response.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def get(url: str, *, token: str = "", fields: Mapping[str, str] | None = None) -> Reply:
    """Ask for a URL, and for those that it redirects to. fields: of the request.

    Raises UsageError for a URL that is not accepted, and DownloadError if there is no such file.
    """
    first: Message | None = None
    origin, seen = _origin(check_url(url)), {url}
    for _ in range(MAX_REDIRECTS + 1):
        sent = {"User-Agent": f"seqshell/{__version__}", "Accept-Encoding": "identity", **(fields or {})}
        if token and _origin(url) == origin:
            sent["Authorization"] = f"Bearer {token}"
        host = urlsplit(url).netloc
        try:
            response = _opener().open(Request(quote(url, safe=IN_URLS), headers=sent), timeout=TIMEOUT)
        except HTTPError as answer:
            with answer:
                if answer.code not in REDIRECTS:
                    raise _refused(answer, host) from None
                first = first or answer.headers
                url = _redirected(url, answer.headers.get("Location", ""), seen)
        except (HTTPException, OSError, ValueError) as error:
            raise DownloadError(f"cannot reach {host}: {_why(error)}") from None
        else:
            reply = Reply(response, first or response.headers, host)
            if reply.field("Content-Encoding") not in ("", "identity"):
                reply.close()
                raise DownloadError(f"{host} sends the file packed, as {brief(reply.field('Content-Encoding'))}")
            return reply
    raise DownloadError(f"{urlsplit(url).netloc} redirects more than {MAX_REDIRECTS} times")


def get_json(url: str, *, token: str = "") -> Any:
    """The JSON of a URL. Raises DownloadError if it is not JSON, or larger than 10 MB."""
    from seqshell.core.json_values import parsed

    data = bytearray()
    with get(url, token=token) as reply:
        while len(data) <= MAX_JSON and (block := reply.read(1 << 16)):
            data += block
    try:
        if len(data) > MAX_JSON:
            raise ValueError(f"it has more than {MAX_JSON:,} bytes")
        return parsed(bytes(data))
    except ValueError as error:
        raise DownloadError(f"{reply.host} does not answer with JSON: {error}") from None


def check_url(url: str, *, previous: str = "") -> str:
    """The URL itself. previous: the one that redirects to it.

    Raises UsageError unless it is of https, or of http on this machine, where only that may redirect to it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{quoted(url)} is not a URL: {error}") from None
    if parts.scheme == "http" and host in LOCAL and (not previous or urlsplit(previous).hostname in LOCAL):
        return url
    what = f"{brief(urlsplit(previous).netloc)} redirects to {quoted(url)}, which" if previous else quoted(url)
    if parts.scheme == "http":
        raise UsageError(f"{what} is not encrypted: use https")
    if parts.scheme != "https" or not host:
        raise UsageError(f"{what} is not a URL of https")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"the URL of {host} has a user name or password, which pull does not send")
    return url


def _redirected(url: str, location: str, seen: set[str]) -> str:
    """The next URL. Raises DownloadError for one that is not accepted, or that was asked before."""
    host = urlsplit(url).netloc
    if not location:
        raise DownloadError(f"{host} redirects to nowhere")
    try:
        target = check_url(urljoin(url, location), previous=url)
    except ValueError as error:
        raise DownloadError(f"{host} redirects to {quoted(location)}, which is not a URL: {error}") from None
    except UsageError as error:
        raise DownloadError(error.message) from None
    if target in seen:
        raise DownloadError(f"{host} redirects in a circle")
    seen.add(target)
    return target


def _refused(answer: HTTPError, host: str) -> DownloadError:
    """The error for an answer that is no file."""
    number = answer.code
    if number in (401, 403):
        hint = "set HF_TOKEN to a token that may read it" if "X-Error-Code" in answer.headers else ""
        message = f"{host} does not give the file ({number}): it is private, or there is no such file"
        return DownloadError(message, hint=hint)
    if number in (404, 410):
        return DownloadError(f"{host} has no such file ({number})")
    if number == 416:
        return DownloadError(f"{host} has fewer bytes than it said, or the file is empty")
    if number == 429:
        return DownloadError(f"{host} takes no more requests for now (429); try again later")
    return DownloadError(f"{host} answers {number} {brief(str(answer.reason or ''))}; try again later")


def _why(error: Exception) -> str:
    """The reason of a failure in words."""
    inner = error.reason if isinstance(error, URLError) else error
    if isinstance(inner, TimeoutError):
        return f"no answer for {TIMEOUT:.0f} s"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return brief(str(inner) or type(inner).__name__)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


@cache
def _opener() -> OpenerDirector:
    """Opens http and https, and follows no redirect. http is for this machine, which needs no proxy."""
    opener = OpenerDirector()
    proxies = {scheme: proxy for scheme, proxy in getproxies().items() if scheme == "https"}
    opening = (ProxyHandler(proxies), HTTPHandler(), HTTPSHandler())
    for handler in (*opening, HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener
