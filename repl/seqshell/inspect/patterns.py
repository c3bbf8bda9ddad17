"""Matches of a regular expression in a text. The search runs in a process of its own, with a time limit.

Python's `re` takes exponential time on some patterns, and nothing but a signal stops it.
"""

from __future__ import annotations

import json
import subprocess
import sys

from seqshell.core.errors import UsageError
from seqshell.core.text_output import brief, quoted

SECONDS = 5.0
_SEARCH = """
import json, re, signal, sys, warnings
signal.signal(signal.SIGINT, signal.SIG_IGN)
warnings.simplefilter("ignore")
pattern, text = json.load(sys.stdin)
try:
    found = re.compile(pattern)
except (re.error, RecursionError, OverflowError) as error:
    json.dump(str(error), sys.stdout)
else:
    json.dump([match.span(min(1, found.groups)) for match in found.finditer(text)], sys.stdout)
"""


QUOTATION_MARKS = '"\u201c\u201d\u00ab\u00bb'


def matches(pattern: str, text: str, *, seconds: float = SECONDS) -> list[tuple[int, int]]:
    """The ranges of the text that match, in order, without empty ones; of a pattern with groups, those of the first.

    UsageError if the pattern is not a regular expression, takes too long, or matches nothing.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([pattern, text]).encode(),
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"the pattern {quoted(pattern)} takes more than {seconds:g} s for {len(text):,} characters; "
            "a repetition inside a repetition, such as (a+)+, is slow",
            code="regex",
        ) from None
    if done.returncode:
        raise UsageError(f"the pattern {quoted(pattern)} cannot be searched in this text", code="regex")
    found = json.loads(done.stdout)
    if isinstance(found, str):
        raise UsageError(f"{quoted(pattern)} is not a regular expression: {brief(found)}", code="regex")
    spans = [(start, end) for start, end in found if start < end]
    if not spans:
        only = "only empty places" if found else "nothing"
        absent = [mark for mark in QUOTATION_MARKS if mark in pattern and mark not in text]
        raise UsageError(
            f"{quoted(pattern)} matches {only} in these {len(text):,} characters",
            hint=f"they have no {absent[0]}; some texts mark quotations by '" if absent else "",
            code="regex",
        )
    return spans
