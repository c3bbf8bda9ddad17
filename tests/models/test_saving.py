"""A torch module saved as a checkpoint and opened again; what could not be opened is not saved."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.tokenizers import CharTokenizer
from seqshell.models import file, opening


def test_a_saved_module_is_opened_with_the_same_logits_and_its_description(elman, module, elman_registry, tmp_path):
    path = elman.save(
        tmp_path / "mine.safetensors",
        module,
        elman_registry,
        data="some letters",
        defaults={"max_tokens": 7},
        examples=["abc"],
        about="It continues with letters.",
        provenance={"metrics": {"nats": 1.5}},
    )
    model = opening.open_model(path, elman_registry)

    np.testing.assert_allclose(elman.logits(model), elman.expected(module), atol=1e-6)
    assert (model.name, model.task, model.architecture, model.path, model.causal) == (
        "mine",
        seqshell.Task.GENERATE,
        "simple",
        path,
        True,
    )
    assert model.num_parameters == 7 * 8 + 8 * 8 + 8 * 7  # the buffer is no parameter
    assert model.tokenizer.vocabulary == elman.tokenizer.vocabulary
    header = file.read_header(path)
    assert model.header == header
    assert header["config"] == {"vocab_size": 7, "hidden_size": 8, "scale": 0.5, "widths": [1, 2], "offset": 0.0}
    assert (header["owner"], header["owner_version"]) == ("mine", "0.3")
    assert header["provenance"] == {
        "data": {"name": "some letters"},
        "seqshell": seqshell.__version__,
        "metrics": {"nats": 1.5},
    }
    assert (header["defaults"], header["examples"], header["about"]) == (
        {"max_tokens": 7},
        ["abc"],
        "It continues with letters.",
    )
    assert file.read(path)[1]["seen"].dtype == np.int64


def test_a_name_is_saved_in_the_users_models_folder_and_opened_by_name(elman, module, elman_registry, home):
    path = elman.save("mine", module, elman_registry)
    assert path == home / "models" / "mine.safetensors"
    assert opening.open_model("mine", elman_registry).path == path


def test_an_architecture_without_a_decoder_runs_on_torch(elman, module, tmp_path):
    registry = elman.registry_of(replace(elman.architecture, decoder=None))
    model = opening.open_model(elman.save(tmp_path / "mine.safetensors", module, registry), registry)

    np.testing.assert_allclose(elman.logits(model), elman.expected(module), atol=1e-6)


def test_float16_halves_the_file_size_and_barely_changes_the_logits(elman, elman_registry, tmp_path):
    module = elman.Model(elman.Config(elman.tokenizer.size, hidden_size=64))
    full = elman.save(tmp_path / "full.safetensors", module, elman_registry)
    half = elman.save(tmp_path / "half.safetensors", module, elman_registry, dtype="float16")

    assert half.stat().st_size < 0.6 * full.stat().st_size
    np.testing.assert_allclose(
        elman.logits(opening.open_model(half, elman_registry)), elman.expected(module), atol=0.01
    )
    assert opening.open_model(half, elman_registry).fingerprint != opening.open_model(full, elman_registry).fingerprint
    with pytest.raises(UsageError, match="stored as float32 or float16, not 'int8'"):
        elman.save(tmp_path / "x.safetensors", module, elman_registry, dtype="int8")


def test_saving_does_not_change_a_module_in_half_precision_and_training_mode(elman, elman_registry, tmp_path):
    module = elman.Model(elman.Config(elman.tokenizer.size)).to(torch.bfloat16).train()
    path = elman.save(tmp_path / "mine.safetensors", module, elman_registry)

    assert module.training
    assert module.readout.weight.dtype == torch.bfloat16
    assert file.read(path)[1]["readout.weight"].dtype == np.float32
    np.testing.assert_allclose(
        elman.logits(opening.open_model(path, elman_registry)), elman.expected(module.float().eval()), atol=1e-6
    )


def test_open_starts_a_session_with_the_checkpoints_defaults(elman, module, elman_registry, tmp_path):
    path = elman.save(
        tmp_path / "mine.safetensors",
        module,
        elman_registry,
        defaults={"sampler": "top_k=3 temperature=0.5", "strategy": "greedy"},
    )
    session = seqshell.open(path, registry=elman_registry, seed=5)

    assert [(type(stage).__name__, next(iter(vars(stage).values()))) for stage in session.chain] == [
        ("TopK", 3),
        ("Temperature", 0.5),
    ]
    assert session.strategy.name == "greedy"
    assert session.seed == 5
    session.feed("abc")
    first = "".join(event.text for event in session.generate(5))
    assert first[0] == elman.tokenizer.vocabulary[int(elman.expected(module).argmax())]


def test_a_session_opens_without_torch(elman, tmp_path, module, home):
    """The shipped architectures bring decoders of their own."""
    from seqshell_recurrent.config import GRUConfig
    from seqshell_recurrent.language_models import GRULanguageModel

    path = tmp_path / "gru.safetensors"
    model = GRULanguageModel(GRUConfig(elman.tokenizer.size, embed_size=4, hidden_size=8))
    seqshell.save_checkpoint(path, architecture="gru", module=model, tokenizer=elman.tokenizer)
    code = (
        "import sys, seqshell\n"
        f"session = seqshell.open({str(path)!r})\n"
        "session.feed('abc')\n"
        "print(len([*session.generate(4, temperature=0.8)]), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"SEQSHELL_HOME": str(home)}
    )
    assert done.stdout == "5 False\n"  # four tokens and Finished


def test_weights_that_are_not_finite_are_refused(elman, elman_registry, tmp_path):
    module = elman.Model(elman.Config(elman.tokenizer.size))
    with torch.no_grad():
        module.readout.weight[0, 0] = 70_000
    with pytest.raises(CheckpointError, match=r"readout\.weight has values that are not finite in float16"):
        elman.save(tmp_path / "mine.safetensors", module, elman_registry, dtype="float16")
    with torch.no_grad():
        module.readout.weight[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match="not finite in float32"):
        elman.save(tmp_path / "mine.safetensors", module, elman_registry)


def test_an_unknown_architecture_or_tokenizer_is_refused(elman, module, elman_registry, tmp_path):
    with pytest.raises(UsageError, match="no architecture 'simplee'; did you mean simple"):
        seqshell.save_checkpoint(
            tmp_path / "m.safetensors",
            architecture="simplee",
            module=module,
            tokenizer=elman.tokenizer,
            registry=elman_registry,
        )

    class UnregisteredTokenizer(CharTokenizer):
        name = "unregistered"

    with pytest.raises(
        CheckpointError,
        match="needs the tokenizer 'unregistered', which no plugin offers; installed: bpe, byte, char, ",
    ):
        seqshell.save_checkpoint(
            tmp_path / "m.safetensors",
            architecture="simple",
            module=module,
            tokenizer=UnregisteredTokenizer("ab"),
            registry=elman_registry,
        )
