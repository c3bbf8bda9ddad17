"""The pages of docs whose blocks are followed."""

from pathlib import Path

from tests.plugins.walkthrough import Page

DOCS = Path(__file__).parents[2] / "docs"
FOLDERS = ("plugins", "inspect", "training", "tutorials", "guides", "explanation")
INDEX = {name: (DOCS / name / "README.md").read_text(encoding="utf-8") for name in FOLDERS}
PAGES = {
    f"{folder}/{path.stem}": Page.read(path)
    for folder in INDEX
    for path in sorted((DOCS / folder).glob("*.md"))
    if path.name != "README.md"
}
ALONE = [path.stem for path in sorted(DOCS.glob("*.md")) if Page.read(path).blocks]  # pages with blocks that run
