"""Files that commands write for `-o`: text, or JSON where the name says so; whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqshell.errors import UsageError

PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg")


def write_text(word: str, text: str, as_json: Mapping[str, Any]) -> Path:
    """Write the text, or `as_json` where the name ends in .json, and return the path. UsageError names what stands against it."""
    from seqshell.checkpoint import write_atomically

    path = Path(word).expanduser()
    ending = path.suffix.lower()
    if ending in PICTURES:
        raise UsageError(f"a text makes no picture: end {word} in .txt or .json")
    content = json.dumps(as_json, ensure_ascii=False) + "\n" if ending == ".json" else text
    write_atomically(path, content.encode("utf-8", "replace"))
    return path
