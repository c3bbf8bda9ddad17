"""The rules that hold for every importer: it has a name, and makes no model and no fault of its own out of rubbish."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from seqshell.core.errors import SeqshellError, reason_of
from seqshell.testing.check import Found

SAFETENSORS = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "  # without a tensor
PICKLE, ZIP = b"\x80\x04K\x01.", b"PK\x03\x04"
RUBBISH = (b"", b"\x00", b"{}", b"[]", b"null", b"\xff\xfe", b'{"weights": 7}', SAFETENSORS, PICKLE, ZIP)
ENDINGS = (".bin", ".json", ".toml", ".txt", ".safetensors", ".pt", ".pth", ".npz", ".h5")


def importer_rules(offered: Any) -> Iterator[tuple[str, Callable[[], str | Found]]]:
    """Each rule in words, with the function that tries it and returns how it was broken and where, or nothing."""
    yield "it can be called and has a name", partial(_declared, offered)
    yield "a file that is not of its kind is None, or a SeqshellError of one line", partial(_refuses, offered)


def _declared(offered: Any) -> str:
    name = getattr(offered, "name", getattr(offered, "__name__", None))
    return (
        ""
        if callable(offered) and isinstance(name, str) and name
        else f"it is a {type(offered).__name__} with the name {name!r:.40}"
    )


def _refuses(offered: Any) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        for content in RUBBISH:
            for ending in ENDINGS:
                path = Path(folder, f"model{ending}")
                path.write_bytes(content)
                for options in ({}, {"allow_pt": False, "tokenizer": {}, "settings": {}}):
                    if seen := _seen(offered, path, options):
                        return Found(seen, f"{path.name} with the bytes {content!r}, options {options}")
    return Found()


def _seen(offered: Any, path: Path, options: dict[str, Any]) -> str:
    try:
        found = offered(path, options)
    except SeqshellError as error:
        return f"an error of several lines: {error.message!r:.200}" if "\n" in error.message else ""
    except Exception as error:
        return reason_of(error)
    return "" if found is None else f"a {type(found).__name__} was made of it"
