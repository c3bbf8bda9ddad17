"""Texts that would control a terminal."""

from __future__ import annotations

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202e\x00\r\x08\U000e0041\ud800"
