"""Makes text from models, files, plugins and exceptions safe to show. All output to a terminal passes through `safe`.

Control characters are made visible one by one, so that an escape sequence cannot pass even if a stream splits it.
Letters of any script, combining marks, joiners, newline and tab are kept.
"""

from __future__ import annotations

from collections.abc import Mapping


def _shown() -> Mapping[int, str]:
    # C0 controls in caret notation: ^[ is ESC.
    shown = {code: "^" + chr(code ^ 64) for code in (*range(32), 127) if chr(code) not in "\n\t"}
    shown |= {code: f"<{code:02x}>" for code in range(0x80, 0xA0)}  # C1: 9b alone starts a sequence
    # Line separators and characters that change the direction of text.
    shown |= {
        code: f"<U+{code:04X}>" for code in (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
    }
    shown |= {code: f"<U+{code:X}>" for code in range(0xE0000, 0xE0080)}  # tags: invisible
    shown |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # lone surrogates are not valid in UTF-8
    return shown


_SHOWN = _shown()


def safe(text: str) -> str:
    """Make all control characters except newline and tab visible: ESC is ^[, U+009B <9b>, U+202E <U+202E>."""
    return text if text.isascii() and text.isprintable() else text.translate(_SHOWN)
