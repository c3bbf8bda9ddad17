"""Check each variant of plugin.py with the rules of `plugins check`, and print which rule found what.

    python -m tests.plugins.mutations [PART OF A NAME ...]

A rule that finds a mutation is shown with the shortest case. Exit code 1 if fewer than 17 mutations are found or a
correct plugin is rejected.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.plugins.mutations.variants import CORRECT, MUTATIONS, Changes, text_of

from seqshell.cli.plugins_check import check_plugin

ENOUGH = 17


def failures(changes: Changes) -> list[str]:
    """The failed checks of a variant, as "RULE: WHAT WAS FOUND"."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "variant.py")
        path.write_text(text_of(changes), encoding="utf-8")
        checks = [check for result in check_plugin(str(path)) for check in result.checks]
    return [f"{check.rule}: {check.seen}" for check in checks if not check.passed]


def main(parts: list[str]) -> int:
    """Check the variants whose names have one of the parts; all, if there is none."""
    found: dict[str, list[str]] = {}
    for name, changes in {**MUTATIONS, **CORRECT}.items():
        if not parts or any(part in name for part in parts):
            found[name] = failures(changes)
            print(f"{name}\n    {found[name][0] if found[name] else 'passes'}", flush=True)
    mutations = [bool(found[name]) for name in found if name in MUTATIONS]
    rejected = [name for name in found if name in CORRECT and found[name]]
    print(f"{sum(mutations)} of {len(mutations)} mutations found")
    print(f"{len(rejected)} of {len(found) - len(mutations)} correct plugins rejected")
    return int(bool(rejected) or len(mutations) - sum(mutations) > len(MUTATIONS) - ENOUGH)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
