"""What an exporter returns: a model without seqshell, as code of PyTorch and as ONNX graphs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting.onnx_graph import Graph

NEXT_TOKENS = """\
tokens = torch.tensor([encode(" ".join(words))])
logits, state = model(tokens, model.initial_state())
for logit, token in zip(*logits[0, -1].topk(5), strict=True):
    print(f"{logit:9.4f}  {decode(int(token))!r}")
"""


@dataclass(frozen=True, eq=False)
class PlainModel:
    """A model that needs torch alone, or nothing but a runtime of ONNX.

    code: Python code that defines the class Model, an nn.Module; `torch`, `nn` and `functional` are imported before it.
    weights: its state_dict.
    example: the body of a function that prints what the model says, with `model`, and `words`, the arguments of the
        command line. It may call `encode(text)`, which returns the ids of a text as a list, and `decode(id)`.
    graphs: functions that make the ONNX graphs, by name; the only one of a model has the name "".
    """

    code: str
    weights: Mapping[str, NDArray[Any]]
    example: str
    graphs: Mapping[str, Callable[[], Graph]]


def indented(lines: str | list[str], levels: int) -> str:
    """Lines of code, deeper by a number of levels."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    return textwrap.indent(text, "    " * levels)
