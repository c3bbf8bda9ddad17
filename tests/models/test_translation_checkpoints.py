"""Checkpoints of translation models: two tokenizers, an encoder, and a decoder that agrees with its module on padded
batches."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.core.errors import CheckpointError
from seqshell.core.state import attention_of
from seqshell.core.subword_tokenizers import SPECIALS, WordTokenizer
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file, opening
from seqshell.models.torch_decoder import TorchDecoder
from seqshell.testing import tiny_translation_checkpoint
from seqshell.testing.tiny_translator import TinyState, TinyTranslator


@dataclass(frozen=True)
class Pair:
    source_vocab_size: int
    target_vocab_size: int
    hidden_size: int = 6
    leak: float = 0.0  # how much padding affects the decoder


class PairModule(nn.Module):
    """TinyTranslator in torch."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        for side, size in (("encoder", config.source_vocab_size), ("decoder", config.target_vocab_size)):
            self.register_parameter(f"{side}_embedding", nn.Parameter(torch.randn(size, config.hidden_size)))
            self.register_parameter(
                f"{side}_recurrent", nn.Parameter(torch.randn(config.hidden_size, config.hidden_size) / 2)
            )
        self.readout = nn.Parameter(torch.randn(config.hidden_size, config.target_vocab_size))

    def initial_state(self, batch_size=1):
        return self.encode(torch.full((batch_size, 1), seqshell.EOS), torch.ones(batch_size, dtype=torch.int64))

    def encode(self, source, lengths):
        mask = torch.arange(source.shape[1]) < lengths[:, None]
        hidden, encoded = self.readout.new_zeros(len(source), self.config.hidden_size), []
        for column, here in zip(source.unbind(1), mask.unbind(1), strict=True):
            hidden = torch.where(
                here[:, None], torch.tanh(self.encoder_embedding[column] + hidden @ self.encoder_recurrent), hidden
            )
            encoded.append(hidden)
        return TinyState(hidden, torch.stack(encoded, 1), mask, torch.zeros(mask.shape))

    def forward(self, inputs, state):
        logits = []
        for column in inputs.unbind(1):
            hidden = torch.tanh(self.decoder_embedding[column] + state.hidden @ self.decoder_recurrent)
            scores = (4 * (state.encoded * hidden[:, None]).sum(2)).masked_fill(~state.mask, -torch.inf)
            weights = scores.softmax(1)
            logits.append((hidden + (weights[:, :, None] * state.encoded).sum(1)) @ self.readout)
            state = state._replace(hidden=hidden, attention=weights)
        return torch.stack(logits, 1), state


class PairDecoder(TinyTranslator):
    def __init__(self, config, weights):
        super().__init__(config.source_vocab_size, config.target_vocab_size, config.hidden_size)
        self.leak = config.leak
        for side in (self.encoder, self.decoder):
            name = "encoder" if side is self.encoder else "decoder"
            side.embedding, side.recurrent = weights[f"{name}_embedding"], weights[f"{name}_recurrent"]
        self.decoder.readout = weights["readout"]

    def encode(self, source, lengths):
        state = super().encode(source, lengths)
        return state._replace(hidden=state.hidden + np.float32(self.leak) * ~state.mask[:, -1:])


def architecture(decoder=PairDecoder):
    return seqshell.Architecture("pair", seqshell.Task.TRANSLATE, Pair, PairModule, decoder)


def registry_of(offered):
    plugin = SimpleNamespace(
        __name__="mine", __version__="1", seqshell_architectures=seqshell.hookimpl(lambda: [offered])
    )
    return load_registry(Policy(no_plugins=True), modules=[plugin])


def words(text):
    tokens = [*SPECIALS, *(f" {word}" for word in text.split())]
    return WordTokenizer(tokens, [1] * len(tokens))


READS, WRITES = words("i you love see"), words("je tu aime vois le chat")


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return PairModule(Pair(READS.size, WRITES.size))


def save(path, module, registry, **options):
    options = {"tokenizer": WRITES, "source_tokenizer": READS, **options}
    return seqshell.save_checkpoint(path, architecture="pair", module=module, registry=registry, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.safetensors"


SOURCE, LENGTHS = np.array([[4, 6, 5, 2], [7, 2, 0, 0]]), np.array([4, 2])


@pytest.mark.parametrize("decoder", [PairDecoder, None])
def test_a_saved_translation_model_is_opened_with_both_tokenizers_and_the_same_logits(module, path, decoder):
    registry = registry_of(architecture(decoder))
    model = opening.open_model(save(path, module, registry), registry)

    assert (model.task, model.tokenizer.tokens, model.source_tokenizer.tokens) == (
        seqshell.Task.TRANSLATE,
        WRITES.tokens,
        READS.tokens,
    )
    with torch.inference_mode():
        expected, after = module(
            torch.tensor([[1, 5], [1, 9]]), module.encode(torch.from_numpy(SOURCE), torch.from_numpy(LENGTHS))
        )
    outputs, state = model.decoder.feed(np.array([[1, 5], [1, 9]]), model.decoder.encode(SOURCE, LENGTHS))
    np.testing.assert_allclose(outputs, expected[:, -1].numpy(), atol=1e-5)
    np.testing.assert_allclose(attention_of(state), after.attention.numpy(), atol=1e-5)


def test_a_session_with_it_translates(module, path):
    registry = registry_of(architecture())
    session = seqshell.open(save(path, module, registry, defaults={"strategy": "greedy"}), registry=registry)
    *_, finished = session.translate("i love you", 9)

    assert finished.answer == session.text().text
    assert session.attention().source == ("i", " love", " you", "<eos>")


def test_the_fingerprint_depends_on_the_source_tokenizer(module, path, tmp_path):
    registry = registry_of(architecture())
    other = save(tmp_path / "other.safetensors", module, registry, source_tokenizer=words("i you love them"))

    assert (
        opening.open_model(save(path, module, registry), registry).fingerprint
        != opening.open_model(other, registry).fingerprint
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_tokenizer": None}, "its task is translate, but it has no source_tokenizer"),
        ({"source_tokenizer": words("i")}, "source_vocab_size 8, but its tokenizer has 5 tokens"),
        ({"tokenizer": READS}, "target_vocab_size 10, but its tokenizer has 8 tokens"),
        (
            {"source_tokenizer": CharTokenizer("abcdefgh")},
            "its char tokenizer does not start with PAD, BOS, EOS and UNK",
        ),
    ],
)
def test_tokenizers_that_do_not_fit_are_refused_when_saved_and_when_opened(module, path, options, message):
    registry = registry_of(architecture())
    with pytest.raises(CheckpointError, match=message):
        save(path, module, registry, **options)
    assert not path.exists()

    save(path, module, registry)
    header, weights = file.read(path)
    for key, each in options.items():
        header[key] = each and {"name": each.name, **each.to_json()}
        if each is None:
            del header[key]
    file.write(path, header, weights)
    with pytest.raises(CheckpointError, match=f"mine.safetensors: .*{message}"):
        opening.open_model(path, registry)


def test_a_model_whose_decoder_reads_padding_runs_in_torch(path):
    torch.manual_seed(0)
    module = PairModule(Pair(READS.size, WRITES.size, leak=0.01))
    registry = registry_of(architecture())
    with pytest.warns(RuntimeWarning, match=r"decoder of pair differs from its module's by 0\.\d+, .* runs in torch"):
        save(path, module, registry)
    model = opening.open_model(path, registry)
    assert isinstance(model.decoder, TorchDecoder)
    np.testing.assert_array_equal(model.decoder.module.readout.detach(), module.readout.detach())


def test_a_model_whose_encoder_fails_is_refused_when_it_is_opened(module, path):
    class Failing(PairDecoder):
        def encode(self, source, lengths):
            raise RuntimeError("no encoder")

    save(path, module, registry_of(architecture()))
    with pytest.raises(
        CheckpointError, match="the architecture pair fails with these weights: RuntimeError: no encoder"
    ):
        opening.open_model(path, registry_of(architecture(Failing)))


def test_a_wrapped_module_returns_unchanged_leaves_as_the_same_arrays(module):
    decoder = TorchDecoder(module)
    start = decoder.encode(SOURCE, LENGTHS)
    _, first = decoder.step(np.array([1, 1]), start)
    _, second = decoder.feed(np.array([[5, 6], [5, 6]]), first)

    assert second.encoded is first.encoded is start.encoded
    assert second.mask is start.mask
    assert second.hidden is not start.hidden


def test_the_tiny_checkpoint_translates_without_torch(path):
    tiny_translation_checkpoint(path, defaults={"strategy": "beam width=3"})
    code = """
import sys, seqshell
session = seqshell.open(sys.argv[1])
*_, finished = session.translate("the dog", 6, nbest=3)
assert finished.answer == session.text().text != "" and len(finished.candidates) == 3
assert session.attention().weights.shape == (finished.num_tokens, 3)
assert "torch" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", code, path], check=True, env={"SEQSHELL_HOME": "/dev/null/none", "SEQSHELL_PLUGINS": ""}
    )
