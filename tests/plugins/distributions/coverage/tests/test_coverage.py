import pytest
import seqshell_coverage
import torch
from seqshell_coverage import Config
from seqshell_coverage.model import CoverageSeq2Seq

import seqshell
from seqshell.testing import check_architecture, failed, shell_for, tiny_translation_model

(ARCHITECTURE,) = seqshell_coverage.seqshell_architectures()
SMALL = {"embed_size": 6, "hidden_size": 8, "attention_size": 5}
SENTENCE = "i love the cat ."
SOURCE = torch.tensor([[5, 6, 6, 4, seqshell.EOS]])
TARGET = torch.tensor([[seqshell.BOS, 7, 7, 5]])


def untrained(sizes=(9, 11)):
    torch.manual_seed(0)
    return CoverageSeq2Seq(Config(*sizes, **SMALL)).eval()


def read(module, lengths=(1, 1, 1, 1)):
    """The states after each chunk of the target; lengths: of the chunks."""
    state, states = module.encode(SOURCE, torch.tensor([SOURCE.shape[1]])), []
    for chunk in TARGET.split(lengths, 1):
        _, state = module(chunk, state)
        states.append(state)
    return states


@pytest.fixture
def model(tmp_path):
    """An untrained model of a few words, saved as a checkpoint and opened."""
    registry = shell_for(plugins=[seqshell_coverage]).registry
    words = tiny_translation_model()
    path = seqshell.save_checkpoint(
        tmp_path / "digits.safetensors",
        architecture="coverage_seq2seq",
        module=untrained((words.source_tokenizer.size, words.tokenizer.size)),
        tokenizer=words.tokenizer,
        source_tokenizer=words.source_tokenizer,
        registry=registry,
    )
    return seqshell.open(path, registry=registry).model


@pytest.mark.parametrize("config", [SMALL, {**SMALL, "dropout": 0.5, "hidden_size": 2}])
def test_the_architecture_passes_all_checks(config):
    assert not failed(check_architecture(ARCHITECTURE, config))


@torch.inference_mode()
def test_coverage_is_the_sum_of_the_weights_so_far():
    states = read(untrained())

    torch.testing.assert_close(states[-1].coverage, sum(state.attention for state in states))
    torch.testing.assert_close(states[-1].coverage.sum(1), torch.tensor([4.0]))


@torch.inference_mode()
def test_covered_tokens_get_less_attention_if_the_weights_say_so():
    """v . tanh(w c) decreases with c if v and w have opposite signs; everything else is 0 here."""
    module = untrained()
    for layer in (module.query, module.key):
        torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(module.key.bias)
    torch.nn.init.ones_(module.covered.weight)
    torch.nn.init.constant_(module.score.weight, -1)
    start = module.encode(SOURCE, torch.tensor([5]))
    seen = torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]])

    even = module(TARGET[:, :1], start)[1].attention
    after = module(TARGET[:, :1], start._replace(coverage=seen))[1].attention

    torch.testing.assert_close(even, torch.full((1, 5), 0.2))
    # Five units, each -tanh(1) at the covered token and 0 elsewhere.
    torch.testing.assert_close(after, (-5 * torch.tanh(seen)).softmax(1))


def test_the_coverage_loss_is_the_attention_that_a_token_gets_again():
    """See et al. 2017, equation 12. A target in one piece or token by token, as with scheduled sampling."""
    module = untrained().train()
    before = [torch.zeros(1, 5)]
    for state in read(module)[:-1]:
        before.append(state.coverage)
    expected = [torch.minimum(state.attention, seen).sum() for state, seen in zip(read(module), before, strict=True)]

    for lengths in ((4,), (1, 1, 1, 1)):
        read(module, lengths)
        found = module.auxiliary(None, None, None)["coverage"]
        torch.testing.assert_close(found, torch.stack(expected)[None])
    assert found[0, 0] == 0
    assert found.requires_grad


@torch.inference_mode()
def test_the_state_does_not_depend_on_how_the_target_is_divided():
    module = untrained()
    for actual, expected in zip(read(module, (4,))[-1], read(module, (1, 3))[-1], strict=True):
        torch.testing.assert_close(actual, expected)


def test_an_odd_hidden_size_is_refused():
    with pytest.raises(ValueError, match="must be even"):
        Config(9, 11, hidden_size=7)


def attention(shell):
    (event,) = (event for event in shell.handle("/attention") if isinstance(event, seqshell.Attention))
    return event.target, event.weights


def test_a_restored_session_has_the_same_attention(model, tmp_path):
    shell = shell_for(model, plugins=[seqshell_coverage])
    talk = tmp_path / "talk.safetensors"
    for line in ("/set max_tokens 6", SENTENCE, f"/save {talk}"):
        list(shell.handle(line))
    words, weights = attention(shell)

    for line in ("see the dog", f"/restore {talk}"):
        list(shell.handle(line))

    again, weights_again = attention(shell)
    assert again == words
    assert (weights_again == weights).all()
    assert weights.sum(1) == pytest.approx(1, abs=1e-5)
    assert weights.shape[1] == len(SENTENCE.split()) + 1  # and the end of the source
