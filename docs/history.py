"""Draws docs/explanation/history.svg: the tokens of a session with three branches.

    python docs/history.py

The session is that of docs/explanation/time_travel.md, with the shipped model.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import seqshell

PICTURE = Path(__file__).with_name("explanation") / "history.svg"
SIZE, HEIGHT, LEFT, TOP = 26, 64, 20, 40  # of a token, of a branch, and of the margins
STYLE = """<style>
text { font: 15px ui-monospace, monospace; text-anchor: middle; fill: #1f2328 }
.name { font-weight: bold; text-anchor: start }
rect { fill: #ddeaf7; stroke: #4c7cab } .fed { fill: #f0f0f0; stroke: #8c8c8c } path { fill: none; stroke: #8c8c8c }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } rect { fill: #1d3a57; stroke: #7eaad6 } .fed { fill: #33383f; stroke: #9aa0a6 }
}
</style>"""


def branches() -> tuple[dict[str, tuple[str, list[int]]], int]:
    """The text and the nodes of each branch, and how many characters the user wrote at the beginning."""
    session = seqshell.open("shakespeare", seed=1)
    line = "ROMEO:"
    list(session.respond(line, 12))
    list(session.regenerate())
    session.branch_off("other")
    session.rewind_to("O, ")
    session.feed("no")
    found = {}
    for branch in session.branches():
        session.checkout(branch.name)
        cursor = session.behaviour.cursor
        found[branch.name] = session.text().text, cursor.timeline.nodes_to(cursor.here.node)
    return found, len(line)


def drawn(texts: dict[str, tuple[str, list[int]]], written: int) -> str:
    """An SVG: a row for each branch, which begins where it leaves the rows above."""
    parts: list[str] = []
    seen: dict[int, int] = {}  # by node, its row
    for row, (name, (text, nodes)) in enumerate(texts.items()):
        y = TOP + row * HEIGHT
        for place, node in enumerate(nodes):
            if node in seen:
                continue
            x = LEFT + place * SIZE
            above = seen.get(nodes[place - 1], row)
            if above != row:
                parts.append(f'<path d="M{x - 2} {TOP + above * HEIGHT + SIZE} V{y + SIZE / 2} H{x}"/>')
            kind = ' class="fed"' if place < written else ""
            shown = "↵" if text[place] == "\n" else text[place]
            parts.append(f'<rect{kind} x="{x}" y="{y}" width="{SIZE - 4}" height="{SIZE}" rx="4"/>')
            parts.append(f'<text x="{x + SIZE / 2 - 2}" y="{y + 18}">{escape(shown)}</text>')
            seen[node] = row
        end = LEFT + len(text) * SIZE
        parts.append(f'<text class="name" x="{end + 6}" y="{y + 18}">{escape(name)}</text>')
    width = LEFT + (max(len(nodes) for _, nodes in texts.values()) + 4) * SIZE
    size = f'viewBox="0 0 {width} {TOP + len(texts) * HEIGHT - 20}" width="{width}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n{STYLE}\n{body}\n</svg>\n'


if __name__ == "__main__":
    PICTURE.write_text(drawn(*branches()), encoding="utf-8")
