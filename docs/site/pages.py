"""The pages of the site that people write: those of docs/, and those of other folders that the navigation shows.

A link to a page of the site stays a link to it, a link to another file of the repository leads to its source on the
web, and a link to nothing is a problem.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from os.path import relpath
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
SOURCE = "https://github.com/seqshell/seqshell/blob/main/"
# Pages that are not in docs/, and where the site has them.
ELSEWHERE = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "README.md": "project/readme.md",
    "SECURITY.md": "project/security.md",
    "checkpoints/README.md": "gallery/training.md",
    "plugins/README.md": "tutorials/plugin.md",
}
# A fenced block and code in a line have no links; a link has its address in the group.
LINK = re.compile(r"^```.*?^```|`[^`\n]+`|\]\(([^()\s]+)\)|<img [^>]*src=\"([^\"]+)\"", re.DOTALL | re.MULTILINE)


def written() -> dict[str, str]:
    """Every page and picture that people wrote, as a path from the repository's folder, and its path in the site."""
    inside = {
        path.relative_to(ROOT).as_posix(): path.relative_to(ROOT / "docs").as_posix()
        for path in sorted((ROOT / "docs").rglob("*"))
        if path.suffix in {".md", ".svg", ".css"}
    }
    return {name: re.sub(r"README\.md$", "index.md", place) for name, place in inside.items()} | ELSEWHERE


def copy(folder: Path, generated: Iterable[str] = ()) -> list[str]:
    """Copy them into a folder, with the links as the site needs them. Returns the problems.

    generated: the paths in the site of pages that links may lead to as if they were in docs/.
    """
    own, problems = written(), list[str]()
    places = own | {f"docs/{place}": place for place in generated}
    for name, place in own.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".md":
            text, wrong = relinked((ROOT / name).read_text(encoding="utf-8"), name, places)
            problems += wrong
            target.write_text(text, encoding="utf-8")
        else:
            shutil.copy(ROOT / name, target)
    return problems


def relinked(text: str, name: str, places: dict[str, str]) -> tuple[str, list[str]]:
    """The text of the page `name` with its links as the site needs them, and the links that lead nowhere."""
    problems: list[str] = []

    def replace(found: re.Match[str]) -> str:
        address = found[1] or found[2]
        if not address or re.match(r"[a-z]+:|#", address):
            return found[0]
        path, hash_, anchor = address.partition("#")
        target = _normal(PurePosixPath(name).parent / path)
        if target in places:
            new = relpath(places[target], PurePosixPath(places[name]).parent)
        elif f"{target}/README.md" in places:
            new = relpath(places[f"{target}/README.md"], PurePosixPath(places[name]).parent)
        elif (ROOT / target).exists():
            new = SOURCE + target
        else:
            line = text.count("\n", 0, found.start()) + 1
            problems.append(f"{name}:{line}: there is no {target}")
            return found[0]
        return found[0].replace(address, new + hash_ + anchor)

    return LINK.sub(replace, text), problems


def _normal(path: PurePosixPath) -> str:
    """A path without its `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
