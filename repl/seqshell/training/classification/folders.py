"""Labelled texts in folders: a file LABEL.txt with a text in each line, or a folder LABEL with a file for each text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import counted, readable
from seqshell.training.data.file_format import AS_FOUND, FileFormat
from seqshell.training.data.large_text import LARGE
from seqshell.training.data.text import read_text

ENDING = ".txt"
UNLABELLED = ("unsup", "unlabeled", "unlabelled")  # folders of texts without labels, as in the film reviews of Maas


@dataclass(frozen=True)
class Folder:
    """The files of a folder with labelled texts, by label. whole: a file is one text, not one in each line."""

    path: Path
    files: tuple[tuple[str, Path], ...]
    whole: bool
    left_out: tuple[str, ...] = ()


def find_files(path: Path) -> Folder:
    """The files of a folder; folders in it count if two have texts. Raises RecipeError if there are none."""
    try:
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        lines = [entry for entry in entries if entry.suffix.lower() == ENDING]
        inside = {entry.name: _texts_in(entry) for entry in entries if entry.is_dir()}
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror or error}") from None
    labels = {name: files for name, files in inside.items() if files and name.lower() not in UNLABELLED}
    if len(labels) > 1 and all(any(label in file.stem for label in (*inside, "readme", "README")) for file in lines):
        left_out = tuple(name for name in inside if name not in labels)
        return Folder(path, tuple((name, file) for name, files in labels.items() for file in files), True, left_out)
    if not lines:
        advice = f"one text per line, nor folders LABEL with a file NAME{ENDING} for each text"
        raise RecipeError(f"{path} has no files LABEL{ENDING} with the examples of a label, {advice}")
    return Folder(path, tuple((file.stem, file) for file in lines), False)


def read_folder(path: Path, format: FileFormat = AS_FOUND) -> tuple[str, str, Iterator[tuple[str, str, str]]]:
    """Name, digest, and the (text, label, place) of each text of a folder."""
    folder = find_files(path)
    read = [(label, *read_text(str(file), format=format)) for label, file in folder.files]
    before = [f"{label}/" if folder.whole else "" for label, *_ in read]
    digests = (f"{start}{name} {digest}\n" for start, (_, name, _, digest) in zip(before, read, strict=True))

    def rows() -> Iterator[tuple[str, str, str]]:
        for start, (label, name, text, _) in zip(before, read, strict=True):
            if folder.whole:
                yield text, label, f"{start}{name}"
                continue
            for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
                yield line, label, f"{name}, line {number}"

    return path.absolute().name, hashlib.sha256("".join(digests).encode()).hexdigest(), rows()


def describe_folder(path: Path, format: FileFormat = AS_FOUND) -> tuple[str, ...]:
    """What a folder holds, for people."""
    folder = find_files(path)
    labels = counted(len({label for label, _ in folder.files}), "label")
    what = f"{labels}, a folder each, with a file for each text" if folder.whole else f"{labels}, a file each"
    left_out = f"; left out: {', '.join(folder.left_out)}" if folder.left_out else ""
    size = sum(file.stat().st_size for _, file in folder.files)
    texts = (
        f"{readable(size)} of texts" if size >= LARGE else counted(sum(1 for _ in read_folder(path, format)[2]), "text")
    )
    return (f"{path.absolute().name}: {texts}, {what}{left_out}",)


def _texts_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ENDING and file.is_file())
