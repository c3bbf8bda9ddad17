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

LANGUAGE_MODEL = '''\
{classes}class Model(nn.Module):
    """{about}

    tokens: [B, T] int64. state: {state}.
    """

    def __init__(self):
        super().__init__()
{init}

    def initial_state(self, batch_size=1):
{initial_state}

    def forward(self, tokens, state):
        """Returns logits [B, T, {vocab_size}] and the state after the last token."""
{forward}
'''


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


def language_model_code(
    about: str,
    state: str,
    *,
    init: list[str],
    initial_state: list[str],
    forward: list[str],
    vocab_size: int,
    classes: str = "",
) -> str:
    """The code of a language model, for `PlainModel`.

    about, state: sentences in its docstring. init, initial_state, forward: the lines of its methods. classes: code
    before it.
    """
    lines = {"init": init, "initial_state": initial_state, "forward": forward}
    return LANGUAGE_MODEL.format(
        classes=classes,
        about=about,
        state=state,
        vocab_size=vocab_size,
        **{name: indented(each, 2) for name, each in lines.items()},
    )


def indented(lines: str | list[str], levels: int) -> str:
    """Lines of code, deeper by a number of levels."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    return textwrap.indent(text, "    " * levels)
