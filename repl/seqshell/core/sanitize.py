"""The one door for output: text that comes from a model, a file, a plugin or an exception is made safe to show here.

Control characters become visible, one character at a time, so that no split of a stream can smuggle an escape sequence
through. Letters of any script, combining marks and joiners are text and stay; so do newline and tab.
"""

from __future__ import annotations

from collections.abc import Mapping


def _shown() -> Mapping[int, str]:
    shown = {
        code: "^" + chr(code ^ 64) for code in (*range(32), 127) if chr(code) not in "\n\t"
    }  # as in caret notation: ^[ is ESC
    shown |= {code: f"<{code:02x}>" for code in range(0x80, 0xA0)}  # C1 controls: 9b alone starts a sequence
    # Separators, and what turns the direction of a line around: U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
    shown |= {
        code: f"<U+{code:04X}>" for code in (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
    }
    shown |= {code: f"<U+{code:X}>" for code in range(0xE0000, 0xE0080)}  # tags: text that nobody sees
    shown |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # lone surrogates cannot be written as UTF-8
    return shown


_SHOWN = _shown()


def safe(text: str) -> str:
    """The text with every control character but newline and tab made visible: ESC is ^[, U+009B is <9b>, U+202E is <U+202E>."""
    return text if text.isascii() and text.isprintable() else text.translate(_SHOWN)
