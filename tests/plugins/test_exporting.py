"""Exporters of language models: the code of PyTorch and the ONNX graph give the outputs of the module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.plugins.exported_models import ARCHITECTURES, CLOSE, by_layer, made, plain, run_graph, session_of

from seqshell import CheckpointError
from seqshell.host import resolve

LANGUAGE_MODELS = [
    ("lstm", {}),
    ("lstm", {"num_layers": 1, "embed_size": 0}),
    ("lstm", {"residual": True, "layer_norm": True}),
    ("gru", {}),
    ("gru", {"tied": True, "embed_size": 6}),
    ("gru", {"layer_norm": True}),
    ("gru", {"num_layers": 2, "output_size": 4}),
    ("lstm", {"num_layers": 2, "output_size": 4, "tied": True}),
    ("rnn", {"num_layers": 2, "output_size": 3}),
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("rnn", {"nonlinearity": "relu", "residual": True}),
    ("rnn", {"nonlinearity": "sigmoid"}),
    ("elman", {}),
    ("elman", {"nonlinearity": "none"}),
    ("elman", {"form": "i2o", "embed_size": 0}),
    ("elman", {"form": "i2o", "nonlinearity": "none"}),
    ("lstm_cell", {"num_layers": 2}),
    ("gru_cell", {"num_layers": 2}),
    ("gru_cell", {"num_layers": 2, "reset": "before"}),
]


@pytest.mark.parametrize(("name", "settings"), LANGUAGE_MODELS)
def test_a_language_model_computes_the_same_logits_and_states(name, settings):
    """Of two texts, from a state that is not zero."""
    module, model = made(name, **{"vocab_size": 7, "embed_size": 4, "hidden_size": 6, **settings})
    tokens = torch.tensor([[1, 5, 0, 6], [2, 2, 4, 3]])
    with torch.inference_mode():
        _, before = module(tokens.flip(1), module.initial_state(2))
        outputs, after = module(tokens, before)
        copy, (before, after) = plain(model), map(by_layer, (before, after))
        state = tuple(before) if len(before) == 2 else before[0]
        logits, new = copy(tokens, tuple(part.contiguous() for part in state) if len(before) == 2 else state)
        start = copy(tokens.flip(1), copy.initial_state(2))[1]
    names = ("hidden", "cell")[: len(before)]
    found = run_graph(model, tokens=tokens, **dict(zip(names, before, strict=True)))

    np.testing.assert_allclose(logits, outputs, **CLOSE)
    np.testing.assert_allclose(found["logits"], outputs, **CLOSE)
    for index, part in enumerate(names):
        np.testing.assert_allclose(new[index] if len(names) == 2 else new, after[index], **CLOSE)
        np.testing.assert_allclose(start[index] if len(names) == 2 else start, before[index], **CLOSE)
        np.testing.assert_allclose(found[f"new_{part}"], after[index], **CLOSE)


HEADS = {"num_heads": 2, "head_size": 3}
MODERN = {
    "mingru": {"hidden_size": 6},
    "minlstm": {"hidden_size": 6},
    "rg_lru": {"hidden_size": 6},
    "slstm": HEADS,
    "mlstm": HEADS,
    "mamba2": {"num_heads": 4, "head_size": 3, "num_groups": 2, "state_size": 5},
    "rwkv7": {**HEADS, "rank": 3},
}


@pytest.mark.parametrize("name", MODERN)
@pytest.mark.parametrize("settings", [{}, {"mlp_size": 0, "tied": True, "conv_size": 2, "num_layers": 1}])
def test_a_model_of_modern_cells_computes_the_same_logits_and_states(name, settings):
    """Of two texts, from a state that is not zero. The graph reads one token at a time."""
    if name == "rwkv7":
        settings = {key: value for key, value in settings.items() if key in ("tied", "num_layers")}
    module, model = made(name, **{"vocab_size": 7, "embed_size": 4, "mlp_size": 5, **MODERN[name], **settings})
    tokens = torch.tensor([[1, 5, 0, 6], [2, 2, 4, 3]])
    copy = plain(model)
    with torch.inference_mode():
        before = module(tokens.flip(1), module.initial_state(2))[1]
        outputs, after = module(tokens, before)
        logits, new = copy(tokens, copy(tokens.flip(1), copy.initial_state(2))[1])
    session = session_of(model)
    names = [each.name for each in session.get_inputs()]
    state = [part.numpy() for part in copy.initial_state(2)]
    for column in tokens.flip(1).T:
        state = session.run(None, dict(zip(names, [column[:, None].numpy(), *state], strict=True)))[1:]
    steps = []
    for column in tokens.T:
        found, *state = session.run(None, dict(zip(names, [column[:, None].numpy(), *state], strict=True)))
        steps.append(found)

    np.testing.assert_allclose(logits, outputs, **CLOSE)
    np.testing.assert_allclose(np.concatenate(steps, 1), outputs, **CLOSE)
    for field, part, own, expected in zip(after._fields, new, state, after, strict=True):
        np.testing.assert_allclose(part, expected, err_msg=field, **CLOSE)
        np.testing.assert_allclose(own, expected, err_msg=field, **CLOSE)
    assert names == ["tokens", *after._fields]


WINDOWS = [
    ("neural_ngram", {"order": 3, "hidden_size": 5}),
    ("neural_ngram", {"order": 2, "hidden_size": 5, "direct": False}),
    ("window_lstm", {"context_length": 3, "hidden_size": 5}),
    ("window_lstm", {"context_length": 5, "hidden_size": 5, "bidirectional": True, "start_token": 2}),
]


@pytest.mark.parametrize(("name", "settings"), WINDOWS)
def test_a_model_of_the_last_tokens_computes_the_same_logits_and_tokens(name, settings):
    """Of two texts, from the beginning and after other tokens. The graph reads one token at a time."""
    module, model = made(name, vocab_size=7, embed_size=4, **settings)
    tokens = torch.tensor([[1, 5, 2, 6, 2, 3, 4], [2, 2, 4, 3, 1, 0, 0]])
    copy, window, steps = plain(model), module.initial_state(2), []
    with torch.inference_mode():
        outputs, after = module(tokens, window)
        first, state = copy(tokens[:, :1], copy.initial_state(2))
        rest, state = copy(tokens[:, 1:], state)
    session = session_of(model)
    for column in tokens.T:
        found, window = session.run(None, {"tokens": column[:, None].numpy(), "window": np.asarray(window)})
        steps.append(found)

    np.testing.assert_allclose(torch.cat((first, rest), 1), outputs, **CLOSE)
    np.testing.assert_allclose(np.concatenate(steps, 1), outputs, **CLOSE)
    np.testing.assert_array_equal(state, after)
    np.testing.assert_array_equal(window, after)


@pytest.mark.parametrize("name", [*MODERN, "neural_ngram", "window_lstm"])
def test_weights_that_do_not_fit_the_config_are_refused(name):
    module, _ = made(name, vocab_size=7, embed_size=4, **MODERN.get(name, {}))
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"^the tensor readout\.bias is \[3\]; the config requires \[7\]$"):
        resolve(ARCHITECTURES[name].export)(module.config, weights | {"readout.bias": np.zeros(3, np.float32)})
