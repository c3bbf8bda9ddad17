"""Rivals of decoding.py, for the same model: plain torch, by the usual loop and as beam search, and onnxruntime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from seqshell_recurrent.language_models import LSTMLanguageModel

V = 65
TEMPERATURE = 0.8
WIDTH = 5  # of a beam

Contender = Callable[[int], object]  # generates N tokens


class Tutorial(nn.Module):
    """The model in plain torch."""

    def __init__(self, module: LSTMLanguageModel) -> None:
        super().__init__()
        size = module.config.hidden_size
        self.embedding, self.lstm, self.readout = (
            nn.Embedding(V, size),
            nn.LSTM(size, size, 2, batch_first=True),
            nn.Linear(size, V),
        )
        given = module.state_dict()
        own = {name: given[name] for name in ("embedding.weight", "readout.weight", "readout.bias")}
        own |= {
            f"lstm.{name.removesuffix('0')}{layer}": value
            for layer in (0, 1)
            for name, value in module.recurrent[layer].state_dict().items()
        }
        self.load_state_dict(own)

    def forward(
        self, tokens: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        hidden, state = self.lstm(self.embedding(tokens), state)
        return self.readout(hidden), state


def tutorial(module: LSTMLanguageModel) -> Contender:
    """The usual loop: nn.LSTM called for one token, softmax, torch.multinomial."""
    model = Tutorial(module).eval()
    size = module.config.hidden_size

    @torch.no_grad()
    def run(length: int) -> list[int]:
        token, state, made = (
            torch.zeros(1, 1, dtype=torch.int64),
            (torch.zeros(2, 1, size), torch.zeros(2, 1, size)),
            [],
        )
        for _ in range(length):
            logits, state = model(token, state)
            probs = torch.softmax(logits[0, -1] / TEMPERATURE, dim=-1)
            token = torch.multinomial(probs, 1)[None]
            made.append(token.item())
        return made

    return run


def torch_beam(module: LSTMLanguageModel) -> Contender:
    """Beam search of WIDTH in plain torch, without an end: hypotheses are the rows of a batch."""
    model = Tutorial(module).eval()
    size = module.config.hidden_size

    @torch.no_grad()
    def run(length: int) -> None:
        tokens, totals = torch.zeros(WIDTH, 1, dtype=torch.int64), torch.zeros(WIDTH)
        state = torch.zeros(2, WIDTH, size), torch.zeros(2, WIDTH, size)
        for _ in range(length // WIDTH):
            logits, state = model(tokens, state)
            totals, places = (totals[:, None] + torch.log_softmax(logits[:, 0], -1)).flatten().topk(WIDTH)
            parents, tokens = places // V, (places % V)[:, None]
            state = state[0][:, parents], state[1][:, parents]

    return run


def onnxruntime_step(module: LSTMLanguageModel) -> Callable[..., list[np.ndarray]]:
    """(token [1, 1], then hidden and cell [1, 1, H] of each layer) -> (logits [1, V], the same four).

    Raises ImportError without onnx or onnxruntime.
    """
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    size = module.config.hidden_size
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}

    def ordered(weight: np.ndarray) -> np.ndarray:
        entering, forget, candidate, leaving = np.split(weight, 4)
        return np.concatenate((entering, leaving, forget, candidate))[
            None
        ]  # ONNX orders the gates i, o, f, c and has the directions first

    constants = {
        "embedding": weights["embedding.weight"],
        "readout": weights["readout.weight"],
        "readout_bias": weights["readout.bias"],
    }
    nodes = [helper.make_node("Gather", ["embedding", "token"], ["values0"])]  # [1, 1, H]
    for layer in (0, 1):
        own = {
            key: ordered(weights[f"recurrent.{layer}.{key}_l0"])
            for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        constants |= {
            f"W{layer}": own["weight_ih"],
            f"R{layer}": own["weight_hh"],
            f"B{layer}": np.concatenate((own["bias_ih"], own["bias_hh"]), 1),
        }
        inputs = [f"values{layer}", f"W{layer}", f"R{layer}", f"B{layer}", "", f"hidden{layer}", f"cell{layer}"]
        nodes.append(
            helper.make_node("LSTM", inputs, ["", f"hidden{layer}_after", f"cell{layer}_after"], hidden_size=size)
        )
        # One time step in one direction: the output is the hidden state itself, [1, 1, H].
        nodes.append(helper.make_node("Identity", [f"hidden{layer}_after"], [f"values{layer + 1}"]))
    nodes.append(helper.make_node("Squeeze", ["values2", "first"], ["row"]))
    nodes.append(helper.make_node("Gemm", ["row", "readout", "readout_bias"], ["logits"], transB=1))
    constants["first"] = np.array([0], np.int64)
    names = ["hidden0", "cell0", "hidden1", "cell1"]
    graph = helper.make_graph(
        nodes,
        "step",
        [helper.make_tensor_value_info("token", TensorProto.INT64, [1, 1])]
        + [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name in names],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, V])]
        + [helper.make_tensor_value_info(f"{name}_after", TensorProto.FLOAT, [1, 1, size]) for name in names],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def step(token: np.ndarray, *state: np.ndarray) -> list[np.ndarray]:
        given: list[np.ndarray] = session.run(None, {"token": token, **dict(zip(names, state, strict=True))})
        return given

    return step


def in_onnxruntime(step: Callable[..., list[np.ndarray]], size: int) -> Contender:
    """The same step in onnxruntime: the most likely token each time."""

    def run(length: int) -> None:
        token, state = np.zeros((1, 1), np.int64), [np.zeros((1, 1, size), np.float32)] * 4
        for _ in range(length):
            logits, *state = step(token, *state)
            token = logits.argmax(1)[None]

    return run
