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
    """The same model with the characters a to g, saved as a checkpoint and opened."""
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
def test_the_architecture_passes_all_checks(config):
    sizes = {"embed_size": 6, "hidden_size": 5, "attention_size": 4}
    assert not failed(check_architecture(ARCHITECTURE, {**sizes, **config}))


def test_with_equal_scores_a_look_is_the_mean_of_the_outputs(module):
    with torch.no_grad():
        module.scores.weight.zero_()
        hidden = module.embedding(torch.tensor([[4, 5, 6]]))
        for layer in module.encoder:
            hidden, _ = layer(hidden)
        expected = module.readout(hidden.mean(1).repeat(1, 2))

        outputs, _ = module(torch.tensor([[4, 5, 6, seqshell.PAD, seqshell.PAD]]), ())

    torch.testing.assert_close(outputs[:, 0], expected)


def test_an_empty_text_has_finite_logits(module):
    empty = np.full((1, 3), seqshell.PAD)
    expected = module(torch.from_numpy(empty), ())[0][:, 0].detach().numpy()
    actual, _ = decoder_of(module).feed(empty, ())

    assert np.isfinite(actual).all()
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def labels_of(events):
    return [(event.answer, dict(event.probs)) for event in events if isinstance(event, seqshell.Label)]


def test_label_probabilities_are_the_softmax_of_the_logits(module, model):
    tokens = torch.tensor([model.tokenizer.encode("bad cab")])
    expected = module(tokens, ())[0][0, 0].softmax(0).tolist()

    ((answer, probs),) = labels_of(run(["bad cab"], model=model, plugins=[seqshell_both_ways]))

    assert answer == LABELS[expected.index(max(expected))]
    assert probs == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=1e-4)


def test_a_restored_session_predicts_the_same_label(model, tmp_path):
    talk = tmp_path / "talk.safetensors"
    lines = ["bad cab", f"/save {talk}", "a", f"/restore {talk}", "/classify"]

    labels = labels_of(run(lines, model=model, plugins=[seqshell_both_ways]))

    assert labels[-1] == labels[0] != labels[1]
