"""Write PNG pictures with matplotlib, which is optional."""

from __future__ import annotations

import importlib.util
from io import BytesIO
from pathlib import Path
from typing import Any

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import RecipeError
from seqshell.core.named_files import output_file


def check_picture(path: Path) -> None:
    """Raise RecipeError, before the work, if a PNG cannot be written to `path`."""
    if path.suffix.lower() != ".png":
        raise RecipeError(f"-o: end {path.name} in .png")
    if importlib.util.find_spec("matplotlib") is None:
        raise RecipeError("a picture needs matplotlib: pip install matplotlib")
    output_file(path, RecipeError)


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain_title(text: str) -> str:
    """Escape dollar signs, which matplotlib would read as formulas."""
    return text.replace("$", r"\$")


def write_figure(figure: Any, path: Path) -> None:
    """Write the figure as a PNG."""
    data = BytesIO()
    figure.savefig(data, format="png", dpi=120)
    write_atomically(path, data.getvalue())
