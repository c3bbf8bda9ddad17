"""Pictures as PNG files by matplotlib, where that is installed."""

from __future__ import annotations

import importlib.util
from io import BytesIO
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.models.file import write_atomically


def check_picture(path: Path) -> None:
    """RecipeError when a PNG cannot be written there; said before the work, not after it."""
    if path.suffix.lower() != ".png":
        raise RecipeError(f"-o takes a file that ends .png, not {path}")
    if importlib.util.find_spec("matplotlib") is None:
        raise RecipeError("-o needs matplotlib: pip install 'seqshell[plot]'")
    if not path.absolute().parent.is_dir():
        raise RecipeError(f"-o: there is no folder {path.parent}")


def new_figure(width: float, height: float) -> Any:
    """A figure of matplotlib, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain_title(text: str) -> str:
    """The text escaped so that matplotlib finds no formula in it."""
    return text.replace("$", r"\$")


def write_figure(figure: Any, path: Path) -> None:
    """The figure as a PNG."""
    data = BytesIO()
    figure.savefig(data, format="png", dpi=120)
    write_atomically(path, data.getvalue())
