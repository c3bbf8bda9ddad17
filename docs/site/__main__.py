"""Builds the documentation site: copies the pages, writes the generated ones, renders all and checks every link.

    python -m docs.site [FOLDER]

Needs the extra `docs`. The site is in build/site/html, or in FOLDER/html; no file of it needs another host.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from docs.site import checks, generated, pages

BUILD = pages.ROOT / "build" / "site"


def build(folder: Path) -> list[str]:
    """Build the site in a folder, which is removed first. Returns the problems."""
    shutil.rmtree(folder, ignore_errors=True)
    found = generated.pages()
    problems = pages.copy(folder / "pages", found)
    generated.write(folder / "pages", found)
    problems += checks.navigation(folder / "pages")
    if problems:
        return problems
    shutil.copy(pages.ROOT / "docs" / "zensical.toml", folder)
    environment = {**os.environ, "PYTHONPATH": str(pages.ROOT)}  # for docs.site.docstrings
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if finished.returncode == 0:
        return checks.links(folder / "html")
    output = re.sub(r"\x1b\[[\d;]*m", "", finished.stdout + finished.stderr)  # without colours
    # With --strict, a warning ends in a traceback of zensical's own.
    return [output.partition("Traceback")[0] if "--strict" in output else output]


def main() -> int:
    """Build the site; returns the exit code of the program."""
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BUILD
    problems = build(folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        number = len(list(folder.glob("html/**/*.html")))
        print(f"{folder / 'html' / 'index.html'}: {number} pages, every link leads somewhere")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
