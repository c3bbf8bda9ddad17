"""What must hold of the site: each page is in the navigation, each link leads to a page and a place in it, and nothing
is loaded from other hosts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

CONFIG = Path(__file__).parents[1] / "zensical.toml"
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href"), ("use", "href")}
LOADED_BY_CSS = re.compile(r"""(?:url\(|@import )["']?(https?:[^"')]+)""")


def navigated() -> list[str]:
    """The pages in the navigation, in its order."""
    return list(_pages_of(tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]["nav"]))


def _pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _pages_of(entry)


def navigation(folder: Path) -> list[str]:
    """The pages in a folder that are not in the navigation, and the lines of the navigation without a page."""
    pages = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    listed = navigated()
    missing = [f"docs/zensical.toml: the navigation lacks a line for {page}" for page in sorted(pages - set(listed))]
    unknown = [
        f"docs/zensical.toml: the navigation names {page}, which is not there" for page in listed if page not in pages
    ]
    twice = [
        f"docs/zensical.toml: {page} is in the navigation twice" for page in sorted(pages) if listed.count(page) > 1
    ]
    return missing + unknown + twice


class _Document(HTMLParser):
    """The links of a page, the files that it loads, and the places in it that links can lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        # A canonical or alternate address is not loaded.
        if values.get("rel", "") not in {"canonical", "alternate", "next", "prev", "edit"}:
            self.loaded += [value for name, value in values.items() if (tag, name) in LOADED]


def links(site: Path) -> list[str]:
    """The links of a built site that lead nowhere, and what it would load from other hosts."""
    documents = {path.relative_to(site).as_posix(): _Document(path.read_text("utf-8")) for path in site.rglob("*.html")}
    problems = [
        f"{path.relative_to(site).as_posix()}: loads {address} from another host"
        for path in sorted(site.rglob("*.css"))
        for address in LOADED_BY_CSS.findall(path.read_text("utf-8"))
    ]
    for name, document in sorted(documents.items()):
        for address in document.loaded:
            if urlsplit(address).netloc:
                problems.append(f"{name}: loads {address} from another host")
        for address in dict.fromkeys(document.links + document.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(urlsplit(urljoin(f"/{name}", parts.path)).path).lstrip("/")
            target = f"{path}index.html" if path.endswith("/") or not path else path
            if not (site / target).is_file():
                problems.append(f"{name}: {address} leads to {target}, which is not there")
            elif parts.fragment and target in documents and unquote(parts.fragment) not in documents[target].places:
                problems.append(f"{name}: {address} leads to a place that {target} does not have")
    return problems
