"""Files of Mamba-2 as Hugging Face names their tensors, against the reference's equations for single steps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.foreign_models import Given
from seqshell.models.importing import import_model
from seqshell.models.opening import open_model
from seqshell_modern.mamba2_importer import read_mamba2

REGISTRY = load_registry(Policy(no_plugins=True))
VOCAB, SIZE, LAYERS, HEADS, HEAD, STATE, GROUPS, CONV = 256, 6, 2, 4, 3, 5, 2, 4
INNER = HEADS * HEAD


def weights(groups=GROUPS, kind=torch.float32):
    """Random weights in the layout of Mamba2ForCausalLM, without lm_head: it is the embedding."""
    torch.manual_seed(0)
    channels = INNER + 2 * groups * STATE
    found = {"backbone.embeddings.weight": torch.randn(VOCAB, SIZE), "backbone.norm_f.weight": 1 + torch.rand(SIZE)}
    for layer in range(LAYERS):
        own = {
            "norm.weight": 1 + torch.rand(SIZE),
            "mixer.A_log": torch.rand(HEADS),
            "mixer.D": torch.randn(HEADS),
            "mixer.dt_bias": torch.randn(HEADS),
            "mixer.conv1d.weight": torch.randn(channels, 1, CONV),
            "mixer.conv1d.bias": torch.randn(channels),
            "mixer.in_proj.weight": torch.randn(INNER + channels + HEADS, SIZE),
            "mixer.norm.weight": 1 + torch.rand(INNER),
            "mixer.out_proj.weight": torch.randn(SIZE, INNER),
        }
        found |= {f"backbone.layers.{layer}.{name}": values for name, values in own.items()}
    return {name: values.to(kind) for name, values in found.items()}


def rms_norm(values, weight):
    return weight * values / (values.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def reference(file, ids, groups=GROUPS):
    """The logits after the last id, as the reference computes them token by token, in its own names and order."""
    caches = [torch.zeros(INNER + 2 * groups * STATE, CONV) for _ in range(LAYERS)]
    states = [torch.zeros(HEADS, HEAD, STATE) for _ in range(LAYERS)]
    for token in ids:
        hidden = file["backbone.embeddings.weight"][token]
        for layer in range(LAYERS):
            own = {
                name.removeprefix(f"backbone.layers.{layer}."): values
                for name, values in file.items()
                if f"layers.{layer}." in name
            }
            projected = own["mixer.in_proj.weight"] @ rms_norm(hidden, own["norm.weight"])
            gate, mixed, dt = projected.split([INNER, INNER + 2 * groups * STATE, HEADS])
            caches[layer] = torch.cat((caches[layer][:, 1:], mixed[:, None]), 1)
            mixed = functional.silu(
                (caches[layer] * own["mixer.conv1d.weight"][:, 0]).sum(1) + own["mixer.conv1d.bias"]
            )
            x, b, c = mixed.split([INNER, groups * STATE, groups * STATE])
            dt = functional.softplus(dt + own["mixer.dt_bias"])
            kept = torch.exp(dt * -torch.exp(own["mixer.A_log"]))
            outputs = []
            for head in range(HEADS):
                group = head // (HEADS // groups)
                values, part = x[head * HEAD :][:HEAD], slice(group * STATE, (group + 1) * STATE)
                states[layer][head] = kept[head] * states[layer][head] + dt[head] * torch.outer(values, b[part])
                outputs.append(states[layer][head] @ c[part] + own["mixer.D"][head] * values)
            gated = rms_norm(torch.cat(outputs) * functional.silu(gate), own["mixer.norm.weight"])
            hidden = hidden + own["mixer.out_proj.weight"] @ gated
    hidden = rms_norm(hidden, file["backbone.norm_f.weight"])
    return file.get("lm_head.weight", file["backbone.embeddings.weight"]) @ hidden


def imported(file, folder):
    """The opened model of a file that was imported."""
    save_file(file, folder / "model.safetensors")
    written = import_model(
        folder / "model.safetensors", REGISTRY, given=Given(), out=str(folder / "own.safetensors"), warn=pytest.fail
    )
    assert written.importer == "mamba2"
    return open_model(written.path, REGISTRY)


@pytest.mark.parametrize("is_tied", [True, False])
def test_an_imported_model_has_the_logits_of_the_reference(folder, is_tied):
    """n_groups comes from config.json, as the shapes do not show it."""
    file = weights()
    if not is_tied:
        file["lm_head.weight"] = torch.randn(VOCAB, SIZE)
    (folder / "config.json").write_text(json.dumps({"n_groups": GROUPS, "hidden_act": "silu"}))
    model = imported(file, folder)
    ids = np.array([[7, 2, 250, 7, 100, 3]])
    logits, _ = model.decoder.feed(ids, model.decoder.initial_state(1))

    np.testing.assert_allclose(logits[0], reference(file, ids[0]), rtol=1e-4, atol=1e-4)


def test_bfloat16_is_read_and_there_is_one_group_unless_a_map_says_otherwise(folder):
    file = weights(1, torch.bfloat16)
    model = imported(file, folder)
    logits, _ = model.decoder.feed(np.array([[7, 2]]), model.decoder.initial_state(1))
    expected = reference({name: values.float() for name, values in file.items()}, [7, 2], 1)
    np.testing.assert_allclose(logits[0], expected, rtol=1e-4, atol=1e-4)

    save_file(weights(), folder / "model.safetensors")
    found = read_mamba2(folder / "model.safetensors", {"config": {"num_groups": GROUPS}})
    assert (found.config["num_groups"], found.config["state_size"]) == (GROUPS, STATE)


def without(name):
    return {key: values for key, values in weights(1).items() if key != name}


FIRST = "backbone.layers.0.mixer."


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (without("backbone.embeddings.weight"), "the weights of Mamba-2 are incomplete: no embedding.weight"),
        (weights(1) | {"extra": torch.ones(1)}, "extra is no tensor of Mamba2ForCausalLM with its default settings"),
        (weights(1) | {FIRST + "conv1d.weight": torch.ones(3)}, "the weights do not have the shapes of Mamba-2"),
        (weights(1) | {FIRST + "D": torch.ones(HEADS, dtype=torch.int64)}, "D is of type int64; weights must be"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_a_line(folder, file, message):
    save_file(file, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=rf"^model.safetensors: .*{message}"):
        read_mamba2(folder / "model.safetensors", {})


def test_a_file_whose_tensors_do_not_fill_it_is_refused(folder):
    save_file(weights(1), folder / "model.safetensors")
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckpointError, match=r"^model.safetensors: not a readable safetensors file: .*incomplete"):
        read_mamba2(folder / "model.safetensors", {})


def test_a_missing_layer_and_sizes_that_do_not_agree_are_refused(folder):
    for file in (
        {name.replace("layers.1", "layers.7"): values for name, values in weights(1).items()},
        weights(1) | {FIRST + "norm.weight": torch.ones(INNER + 1)},
    ):
        with pytest.raises(CheckpointError):
            imported(file, folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "config.json beside model.safetensors is not JSON"),
        ('{"layer_norm_epsilon": 0.1}', "layer_norm_epsilon is 0.1; mamba2 has 1e-05"),
        ('{"n_groups": "2"}', "num_groups must be a number of at least 1, not '2'"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder, config, message):
    save_file(weights(1), folder / "model.safetensors")
    (folder / "config.json").write_text(config)
    with pytest.raises((CheckpointError, UsageError), match=message):
        read_mamba2(folder / "model.safetensors", {})


def test_a_map_can_have_no_other_settings_and_other_files_are_left_to_others(folder):
    save_file(weights(1), folder / "model.safetensors")
    with pytest.raises(UsageError, match="can have num_groups alone"):
        read_mamba2(folder / "model.safetensors", {"config": {"tied": True}})
    (folder / "config.json").write_text("[]")
    assert read_mamba2(folder / "model.safetensors", {}).config["num_groups"] == 1
    save_file({FIRST + "A_log": torch.ones(4, 2)}, folder / "mamba1.safetensors")
    assert read_mamba2(folder / "mamba1.safetensors", {}) is None
    (folder / "a.txt").write_text("text")
    assert read_mamba2(folder / "a.txt", {}) is None
