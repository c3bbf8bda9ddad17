"""The gallery: each model that ships, with a conversation that is held while the site is built, a picture of its last
line, the figures in its file, and its card of checkpoints/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from docs.site import pages
from docs.site.markdown import block, code, escaped, page, table

from seqshell.core.events import Event, ResultText
from seqshell.models.file import read_header
from seqshell.models.source_record import sha256_of
from seqshell.models.summary import about, title
from seqshell.pictures import svg
from seqshell.shell.commands.info import written
from seqshell.testing import shell_for

FOLDER = pages.ROOT / "checkpoints"
CARDS = "checkpoints/README.md"
SEED = 1
# The last line of each is also the picture.
CONVERSATIONS = {
    "shakespeare": ("/set max_tokens 80", "ROMEO:", "/undo", "/score To be, or not to be"),
    "english-french": ("/set nbest 3", "Where is the station?", "/attention"),
    "german-english": ("Ein Hund schläft auf dem Sofa.", "/attention"),
    "names": ("/classify Yamamoto", "/classify --explain Dostoevsky"),
    "sentiment": ("/classify a waste of two hours", "/classify --explain what a wonderful film"),
    "python-tags": ("/tag for name in sorted(names): print(name)",),
    "oil-temperature": ("/forecast 24 --example",),
    "python-docs": ("/set max_tokens 30", "The following methods are", "/undo", "/score The default value is None ."),
}


def models() -> list[str]:
    """The models that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


@cache
def conversation(name: str) -> tuple[str, str]:
    """A conversation with a model as text, and the picture of its last line as SVG."""
    shell = shell_for(seed=SEED)
    shell.open(FOLDER / f"{name}.safetensors")  # whatever models the user has
    lines, picture = [], None
    for line in CONVERSATIONS[name]:
        shown = ResultText()
        for event in shell.handle(line):
            shown.add(event)
            picture = _picture(event) or picture
        lines += [f">>> {line}", *filter(None, [shown.text])]
    return "\n".join(lines), svg(picture)


def _picture(event: Event) -> Any:
    """The page of an event that shows more than a text."""
    return event.as_page() if event.as_rows() else None


def index() -> str:
    """The page of all models."""
    rows = [
        (f"[{name}]({name}.md)", str(header["task"]), escaped(about(header)), escaped(_summary(header)))
        for name, header in ((name, read_header(FOLDER / f"{name}.safetensors")) for name in models())
    ]
    return page(
        "Gallery",
        "These models come with seqshell: `seqshell -m NAME` opens one. The conversations and pictures on their pages"
        " are made anew when this site is built. [How they were trained](training.md) has all figures, and what they"
        " were compared with.",
        table(("model", "task", "does", "model and figure"), rows),
        *(f"[![{name}]({name}.svg)]({name}.md)" for name in models()),
    )


def model(name: str) -> str:
    """The page of a model."""
    path = FOLDER / f"{name}.safetensors"
    header = read_header(path)
    text, _ = conversation(name)
    measured = header["provenance"].get("metrics", {})
    metrics = {key: written(value) for key, value in measured.items() if key != "baselines"}  # they are above
    size = f"{path.stat().st_size:,} bytes"
    file = {"parameters": f"{header['parameters']:,}", "size": size, "SHA-256": code(sha256_of(path))}
    return page(
        name,
        escaped(about(header)),
        f"![{name}: {CONVERSATIONS[name][-1]}]({name}.svg)",
        f"{escaped(_summary(header))}. `seqshell -m {name}` opens it.",
        "## A conversation",
        block(text),
        "## Figures",
        *_results(name),
        table(("of the training", "value"), [(escaped(key), escaped(value)) for key, value in metrics.items()]),
        table(("file", ""), [*file.items()]),
        "## How it was made, and its limits",
        _card(name),
    )


def _summary(header: Mapping[str, Any]) -> str:
    return title("", header).removeprefix(": ")


@cache
def _cards() -> str:
    """checkpoints/README.md with the links of a page in the gallery."""
    text, _ = pages.relinked((pages.ROOT / CARDS).read_text(encoding="utf-8"), CARDS, pages.written())
    return text


def _card(name: str) -> str:
    return _section(name).replace("](#", "](training.md#")


def _section(heading: str) -> str:
    """A section of the cards, without its heading."""
    return _cards().partition(f"\n## {heading}\n")[2].partition("\n## ")[0].strip() + "\n"


def _results(name: str) -> Iterator[str]:
    """The tables of results with the model, with the rows that belong to it."""
    for found in re.findall(r"(?:^\|.*\n)+", _section("Results"), re.MULTILINE):
        head, line, *rows = found.splitlines()
        kept, is_own = [], False
        for row in rows:
            first = row.split("|")[1].strip()
            is_own = f"`{name}`" in first if first else is_own
            kept += [row] if is_own else []
        if kept:
            yield "\n".join([head, line, *kept])


def write_pictures(folder: Path) -> None:
    """Write the picture of each model into a folder."""
    for name in models():
        (folder / f"{name}.svg").write_text(conversation(name)[1], encoding="utf-8")
