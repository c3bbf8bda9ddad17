import numpy as np
import pytest
import seqshell_both_ways
import torch
from seqshell_both_ways.config import Config
from seqshell_both_ways.decoder import SelfAttentiveDecoder
from seqshell_both_ways.model import SelfAttentive

import seqshell
from seqshell.testing import check_architecture, failed, run, shell_for, tiny_classification_model

(ARCHITECTURE,) = seqshell_both_ways.seqshell_architectures()
LABELS = ("question", "wish", "complaint")


@pytest.fixture
def module():
    torch.manual_seed(0)
    return SelfAttentive(
        Config(vocab_size=12, num_classes=3, embed_size=6, hidden_size=5, num_layers=2, attention_size=4, num_looks=2)
    ).eval()


@pytest.fixture
def model(module, tmp_path):
    """The same, saved as a checkpoint and opened again; it reads the characters a to g."""
    registry = shell_for(plugins=[seqshell_both_ways]).registry
    path = seqshell.save_checkpoint(
        tmp_path / "orders.safetensors",
        architecture="self_attentive",
        module=module,
        tokenizer=tiny_classification_model(" abcdefg").tokenizer,
        labels=LABELS,
        registry=registry,
    )
    return seqshell.open(path, registry=registry).model


def decoder_of(module):
    return SelfAttentiveDecoder(module.config, {name: tensor.numpy() for name, tensor in module.state_dict().items()})


@pytest.mark.parametrize("config", [{}, {"num_layers": 1, "num_looks": 1}, {"dropout": 0.5, "num_looks": 5}])
def test_it_keeps_the_contract(config):
    sizes = {"embed_size": 6, "hidden_size": 5, "attention_size": 4}
    assert not failed(check_architecture(ARCHITECTURE, {**sizes, **config}))


def test_a_look_is_a_mean_of_what_both_directions_say(module):
    """With scores of zero every token weighs the same."""
    with torch.no_grad():
        module.scores.weight.zero_()
        hidden = module.embedding(torch.tensor([[4, 5, 6]]))
        for layer in module.encoder:
            hidden, _ = layer(hidden)
        expected = module.readout(hidden.mean(1).repeat(1, 2))

        outputs, _ = module(torch.tensor([[4, 5, 6, seqshell.PAD, seqshell.PAD]]), ())

    torch.testing.assert_close(outputs[:, 0], expected)


def test_a_text_without_any_token_has_finite_logits(module):
    nothing = np.full((1, 3), seqshell.PAD)
    of_module = module(torch.from_numpy(nothing), ())[0][:, 0].detach().numpy()
    of_decoder, _ = decoder_of(module).feed(nothing, ())

    assert np.isfinite(of_decoder).all()
    np.testing.assert_allclose(of_decoder, of_module, atol=1e-5)


def labels_of(events):
    return [(event.answer, dict(event.probs)) for event in events if isinstance(event, seqshell.Label)]


def test_a_message_is_answered_with_the_softmax_of_the_logits(module, model):
    tokens = torch.tensor([model.tokenizer.encode("bad cab")])
    expected = module(tokens, ())[0][0, 0].softmax(0).tolist()

    ((answer, belief),) = labels_of(run(["bad cab"], model=model, plugins=[seqshell_both_ways]))

    assert answer == LABELS[expected.index(max(expected))]
    assert belief == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=1e-4)


def test_a_saved_session_comes_back_with_its_belief(model, tmp_path):
    talk = tmp_path / "talk.safetensors"
    lines = ["bad cab", f"/save {talk}", "a", f"/restore {talk}", "/classify"]

    labels = labels_of(run(lines, model=model, plugins=[seqshell_both_ways]))

    assert labels[-1] == labels[0] != labels[1]
