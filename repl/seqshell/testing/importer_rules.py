"""The rules for every importer: it has a name, and rejects invalid files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from seqshell.core.errors import SeqshellError, reason_of
from seqshell.core.signal_handlers import stops_host
from seqshell.testing.check import Finding

SAFETENSORS = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "  # without a tensor
PICKLE, ZIP = b"\x80\x04K\x01.", b"PK\x03\x04"
INVALID = (b"", b"\x00", b"{}", b"[]", b"null", b"\xff\xfe", b'{"weights": 7}', SAFETENSORS, PICKLE, ZIP)
ENDINGS = (".bin", ".json", ".toml", ".txt", ".safetensors", ".pt", ".pth", ".npz", ".h5")


def importer_rules(offered: Any) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any."""
    yield "it is callable and has a name", partial(_declared, offered)
    yield (
        "for other files it returns None or raises a SeqshellError",
        partial(_rejects, offered),
    )


def _declared(offered: Any) -> str:
    name = getattr(offered, "name", getattr(offered, "__name__", None))
    return (
        ""
        if callable(offered) and isinstance(name, str) and name
        else f"a {type(offered).__name__} with the name {name!r:.40}"
    )


def _rejects(offered: Any) -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        for content in INVALID:
            for ending in ENDINGS:
                path = Path(folder, f"model{ending}")
                path.write_bytes(content)
                for options in ({}, {"allow_pt": False, "tokenizer": {}, "settings": {}}):
                    if seen := _seen(offered, path, options):
                        return Finding(seen, f"{path.name} with content {content!r}, options {options}")
    return Finding()


def _seen(offered: Any, path: Path, options: dict[str, Any]) -> str:
    try:
        found = offered(path, options)
    except SeqshellError:
        return ""
    except BaseException as error:
        if stops_host(error):
            raise
        return reason_of(error)
    return "" if found is None else f"it returned a {type(found).__name__}"
