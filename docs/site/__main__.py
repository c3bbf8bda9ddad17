"""Builds the documentation site: copies the pages, writes the generated ones, renders all and checks every link.

    python -m docs.site

Needs the extra `docs`. The site is in build/site/html; no file of it needs another host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from docs.site import checks, generated, pages

BUILD = pages.ROOT / "build" / "site"


def main() -> int:
    """Build the site; returns the exit code of the program."""
    shutil.rmtree(BUILD, ignore_errors=True)
    found = generated.pages()
    problems = pages.copy(BUILD / "pages", found)
    generated.write(BUILD / "pages", found)
    problems += checks.navigation(BUILD / "pages")
    shutil.copy(pages.ROOT / "docs" / "zensical.toml", BUILD)
    if not problems:
        zensical = Path(sys.executable).with_name("zensical")
        environment = {**os.environ, "PYTHONPATH": str(pages.ROOT)}  # for docs.site.docstrings
        finished = subprocess.run(
            [zensical, "build", "--strict"], cwd=BUILD, env=environment, capture_output=True, text=True
        )
        problems = [finished.stdout + finished.stderr] if finished.returncode else checks.links(BUILD / "html")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        number = len(list(BUILD.glob("html/**/*.html")))
        print(f"{BUILD / 'html' / 'index.html'}: {number} pages, every link leads somewhere")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
