"""One model with compiled steps and with those of numpy: the same answers, and sessions that move between them."""

import numpy as np
import pytest

from seqshell import Session
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Data, Notice, Tables
from seqshell.models.opening import open_model
from seqshell.shell.shell import Shell
from seqshell.testing import run
from seqshell.testing.contract import check_architecture, failed


@pytest.fixture(scope="module")
def in_numpy(registry):
    return open_model("shakespeare", registry)


@pytest.fixture
def in_compiled_code(compiled, registry):
    return open_model("shakespeare", registry)


def answers(model, *lines):
    """The texts of some lines, as scripts print them, and the numbers that JSON has."""
    events = run(["/seed 7", *lines], model=model)
    texts = [event.as_text() for event in events]
    numbers = [event.as_json().get("logprob") for event in events if event.as_json()]
    return texts, [number for number in numbers if number is not None]


def test_the_backend_is_chosen_when_a_model_opens_and_stays(in_numpy, in_compiled_code, registry):
    assert (in_numpy.backend, in_compiled_code.backend) == ("numpy", "compiled")
    assert in_numpy.fingerprint == in_compiled_code.fingerprint


def test_the_same_seed_gives_the_same_bytes_with_and_without_compiled_code(in_numpy, in_compiled_code):
    lines = "ROMEO:", "/set max_tokens 120", "/continue", "/regen", "/undo", "JULIET:"
    texts, numbers = answers(in_numpy, *lines)
    found, close = answers(in_compiled_code, *lines)
    assert found == texts
    np.testing.assert_allclose(close, numbers, rtol=0, atol=5e-5)
    assert (found, close) == answers(in_compiled_code, *lines)


@pytest.mark.parametrize("turned", [False, True])
def test_a_session_opens_under_the_other_backend_and_says_that_the_last_bits_may_differ(
    in_numpy, in_compiled_code, tmp_path, turned, registry
):
    before, after = (in_compiled_code, in_numpy) if turned else (in_numpy, in_compiled_code)
    offers = {"samplers": registry.samplers, "strategies": registry.strategies}
    session = Session(before, **offers)
    session.feed("ROMEO:\nBut soft, what light through yonder window breaks")
    session.save(tmp_path / "played.safetensors")
    said = []
    moved = Session.restore(tmp_path / "played.safetensors", after, **offers, report=said.append)
    names = before.backend, after.backend
    assert said == [
        f"played.safetensors was saved with {names[0]} steps, and these are {names[1]}: the last bits may differ"
    ]
    assert moved.text() == session.text()
    np.testing.assert_allclose(moved.here.outputs, session.here.outputs, rtol=0, atol=1e-5)
    kept = []
    Session.restore(tmp_path / "played.safetensors", before, **offers, report=kept.append)
    assert kept == []


def test_info_tells_the_backend_and_why_it_is_numpy(in_numpy, in_compiled_code, monkeypatch):
    def told(model):
        events = run(["/info"], model=model)
        (tables,), (data,) = ([each for each in events if isinstance(each, kind)] for kind in (Tables, Data))
        return data.as_json()["backend"], dict(tables.tables[0].rows)["backend"]

    assert told(in_compiled_code) == ("compiled", "compiled")
    assert told(in_numpy) == ("numpy", "numpy: it was opened before its steps were compiled")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert told(in_numpy) == ("numpy", "numpy: NUMBA_DISABLE_JIT is set")


LANGUAGE = {"vocab_size": 9, "embed_size": 3}
PAIRS = {"source_vocab_size": 9, "target_vocab_size": 9, "embed_size": 3, "encoder_size": 5}


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lstm", LANGUAGE),
        ("seq2seq", PAIRS | {"cell": "gru", "feed_context": True, "tied": True}),
        ("attention_seq2seq", PAIRS | {"input_feeding": True}),
        ("attention_seq2seq", PAIRS | {"placement": "before", "readout_inputs": "all", "source_marks": "both"}),
    ],
)
def test_a_compiled_decoder_meets_the_contract(registry, name, settings):
    checks = check_architecture(registry.architectures[name], {**settings, "hidden_size": 18, "num_layers": 2})
    assert failed(checks) == []
    assert any("compiled_decoders:" in check.rule for check in checks)
    assert any("with weights in bf16 or int8" in check.rule for check in checks) == (name == "lstm")


def lines_of(shell, line):
    """The notices of a line, and /info in JSON."""
    notices = [event.text for event in shell.handle(line) if isinstance(event, Notice)]
    (data,) = (event.as_json() for event in shell.handle("/info") if isinstance(event, Data))
    return notices, data


@pytest.mark.usefixtures("compiled")
def test_weights_are_chosen_measured_shown_and_remembered(registry, tmp_path):
    shell = Shell(registry)
    (notice,), data = lines_of(shell, "/load shakespeare weights=int8")
    assert (shell.workspace.current, data["weights"]) == ("shakespeare-int8", "int8")
    error = data["logit_error"]
    assert 0 < error["mean"] < 0.05
    assert error["mean"] < error["largest"] < 0.5
    assert notice.startswith(f"weights in int8: the logits differ by {error['mean']:.2g} on average and ")
    assert notice.endswith(f"{error['changed'] / 2.56:.1f} % of 256 tokens another one is the most likely")
    shell.session.feed("ROMEO:\nBut soft")
    shell.session.save(tmp_path / "played.safetensors")
    kept, number = shell.session.here.outputs, len(shell.workspace.sessions)
    assert lines_of(shell, "/load shakespeare weights=int8")[1]["weights"] == "int8"
    assert len(shell.workspace.sessions) == number
    with pytest.raises(UsageError, match="weights cannot be 'int4'; they are float32, bf16, int8"):
        list(shell.handle("/load shakespeare weights=int4"))

    list(shell.handle("/load shakespeare weights=float32"))
    list(shell.handle(f"/record {tmp_path / 'both.seq'}"))
    list(shell.handle("/record off"))
    script = (tmp_path / "both.seq").read_text("utf-8").splitlines()
    assert [line for line in script if line.startswith("/load")] == [
        "/load shakespeare weights=int8",
        "/load shakespeare weights=float32",
    ]

    again = Shell(registry)
    again.workspace.restore(tmp_path / "played.safetensors")
    assert again.session.model.weights == "int8"
    assert again.session.here.outputs.tobytes() == kept.tobytes()
    other = Shell(registry)
    other.workspace.restore(tmp_path / "played.safetensors", "bf16")
    assert other.settings.take_problems() == (
        "played.safetensors was saved with weights in int8, and these are in bf16: "
        "the logits differ more than in the last bits",
    )


def test_without_compiled_steps_weights_are_refused_with_the_reason(registry, in_numpy):
    with pytest.raises(CheckpointError) as caught:
        open_model("shakespeare", registry, "int8")
    assert caught.value.message == (
        "shakespeare.safetensors: its weights cannot be in int8, which only compiled steps read: "
        "NUMBA_DISABLE_JIT is set"
    )
    assert caught.value.hint == "without weights=int8 it opens in float32"
    with pytest.raises(CheckpointError, match="the architecture classifier has none"):
        open_model("names", registry, "bf16")
