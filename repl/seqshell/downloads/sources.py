"""What the user names: a URL, or a file of a repository on Hugging Face, hf:OWNER/REPO[@REV][/FILE].

The environment variables HF_ENDPOINT and HF_TOKEN mean what they mean for Hugging Face's own programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from seqshell.core.errors import DownloadError, UsageError
from seqshell.core.paths import ENDING
from seqshell.core.text_output import brief, quoted
from seqshell.downloads.transport import check_url, get_json

HUB = "https://huggingface.co"
PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
REPOSITORY = re.compile(rf"({PART})/({PART})(?:@([^/@]+))?(?:/(.+))?")
FORMS = "write a URL, or hf:OWNER/REPO, hf:OWNER/REPO@REVISION or hf:OWNER/REPO/FILE"
USUAL = "model"  # the file of the weights, where a repository has one model
MAX_NAMED = 5  # files in a message


@dataclass(frozen=True)
class Source:
    """A file to download. name: what the model is called without --out. token: for the host of the URL."""

    url: str
    name: str
    token: str = ""


def read_source(text: str) -> Source:
    """The source that a text names. For a repository without a file, the server is asked for its files.

    Raises UsageError for anything else, and for a file that is not .safetensors.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == "hf" and colon:
        return _of_repository(rest)
    if not colon or "://" not in text:
        raise UsageError(f"{quoted(text)} is no source; {FORMS}")
    path = unquote(urlsplit(check_url(text)).path)
    _check_ending(path)
    return Source(text, PurePosixPath(path).name.removesuffix(ENDING))


def _of_repository(text: str) -> Source:
    found = REPOSITORY.fullmatch(text)
    if found is None:
        raise UsageError(f"{quoted(f'hf:{text}')} is no repository; {FORMS}")
    owner, repository, revision, file = found.groups()
    endpoint, token = _endpoint(), _token()
    revision = unquote(revision or "main")
    if not file:
        listing = f"{endpoint}/api/models/{owner}/{repository}/revision/{quote(revision, safe='')}"
        file = _only_model(get_json(listing, token=token), f"{owner}/{repository}")
    _check_ending(file)
    url = f"{endpoint}/{owner}/{repository}/resolve/{quote(revision, safe='')}/{quote(file)}"
    stem = PurePosixPath(file).name.removesuffix(ENDING)
    return Source(url, repository if stem == USUAL else stem, token)


def _endpoint() -> str:
    """The address of Hugging Face, or of another server with its interface. Raises UsageError if it is not of https."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
    try:
        return check_url(endpoint)
    except UsageError as error:
        raise UsageError(f"HF_ENDPOINT: {error.message}") from None


def _token() -> str:
    """The token for private repositories; empty without one."""
    token = os.environ.get("HF_TOKEN", "").strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("HF_TOKEN has a character that no token has")  # it is not shown
    return token


def _only_model(listing: Any, repository: str) -> str:
    """The .safetensors file of a repository: its only one, or model.safetensors. Raises UsageError without one."""
    siblings = listing.get("siblings") if isinstance(listing, dict) else None
    if not isinstance(siblings, list):
        raise DownloadError(f"{repository}: the server's list of files is not one")
    names = [each.get("rfilename") for each in siblings if isinstance(each, dict)]
    files = [name for name in names if isinstance(name, str) and name.endswith(ENDING)]
    if len(files) == 1:
        return files[0]
    if f"{USUAL}{ENDING}" in files:
        return f"{USUAL}{ENDING}"
    if not files:
        raise UsageError(f"{repository} has no {ENDING} file")
    count = f"{len(files):,} {ENDING} files"
    raise UsageError(f"{repository} has {count}; name one, as in hf:{repository}/FILE: {_some(files)}")


def _some(files: Iterable[str]) -> str:
    listed = sorted(files)
    return ", ".join(map(brief, listed[:MAX_NAMED])) + (", ..." if len(listed) > MAX_NAMED else "")


def _check_ending(path: str) -> None:
    """UsageError for a file that is not .safetensors, and for a path that leaves its folder."""
    if not path.endswith(ENDING):
        raise UsageError(f"{quoted(PurePosixPath(path).name)} is not a {ENDING} file, and pull takes no others")
    if ".." in PurePosixPath(path).parts:
        raise UsageError(f"{quoted(path)} leaves its folder")
