"""The gradient by time lag: its values, which models have it, and that measuring it changes no training."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from seqshell.core.errors import RecipeError
from seqshell.core.events import GradientLags, LagNorms, Notice
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.state import leaves, map_leaves
from seqshell.core.tokenizers import PAD
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell.inspect.half_lives import half_life
from seqshell.models.file import read
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer
from seqshell.testing.shell import shell_for
from seqshell.training.lag_gradients import gradients_by_lag
from seqshell.training.lag_history import KEY
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from

REGISTRY = load_registry(Policy(no_plugins=True))
SMALL = {"embed_size": 4, "hidden_size": 6, "num_layers": 2, "order": 3, "table_size": 64}
NAMES = [name for name, offered in REGISTRY.architectures.items() if offered.task == "generate"]
WITHOUT = {"ngram", "maxent", "neural_ngram", "window_lstm"}  # their states are the last tokens
# Of a new mlstm, the bound of 1 is larger; of the last layer of an rwkv7, only the next step sees it.
UNUSED = {("mlstm", "normaliser"), ("rwkv7", "mlp_shift")}
FORGOTTEN = {"mlstm": -1, "slstm": -1}  # before the first token, the memory is empty, whatever its stabiliser
DATA = {
    "generate": {"text": "input.txt"},
    "classify": {"table": "labels.tsv"},
    "forecast": {"table": "series.csv"},
    "translate": {"pairs": "labels.tsv"},
}


@pytest.fixture
def recipe(folder: Path):
    """Return a function: the recipe of an architecture, for a few short epochs on small data."""
    (folder / "input.txt").write_text("the cat sat on the mat\n" * 40, "utf-8")
    (folder / "labels.tsv").write_text(
        "text\tlabel\n" + "".join(f"{'abcd'[row % 4 :]}{row}\t{'xyz'[row % 3]}\n" for row in range(40)), "utf-8"
    )
    (folder / "series.csv").write_text("value\n" + "".join(f"{math.sin(row):.3f}\n" for row in range(200)), "utf-8")

    def make(name: str, task: str = "generate", model=None, registry=REGISTRY, **training):
        fields = {each.name for each in settings_of(resolve(registry.architectures[name].config))}
        tables = {
            "task": task,
            "architecture": name,
            "data": DATA[task],
            "model": {key: value for key, value in SMALL.items() if key in fields} | (model or {}),
            "training": {"epochs": 2, "batch_size": 4, "sequence_length": 32, "precision": "float32", **training},
        }
        return recipe_from(tables, name="a", folder=folder, where="a.toml")

    return make


def measured(recipe, module=None):
    """The gradients by lag of a new module."""
    prepared = prepare(recipe, REGISTRY)
    torch.manual_seed(0)
    return gradients_by_lag(prepared, (module or prepared.new_module()).eval()), prepared


def test_the_gradient_of_a_linear_recurrence_decays_by_its_factor(recipe):
    prepared = prepare(recipe("elman", model={"nonlinearity": "none"}), REGISTRY)
    module = prepared.new_module()
    with torch.no_grad():
        module.h2h.weight.copy_(0.5 * torch.eye(6))
    found = gradients_by_lag(prepared, module.eval())

    first, *others = found["norms"]["0"]
    assert found["lags"] == [1, 2, 4, 8, 16, 32]
    assert others == pytest.approx([first * 0.5 ** (lag - 1) for lag in found["lags"][1:]], rel=1e-3)
    assert half_life(found["norms"]["0"], found["lags"]) == pytest.approx(1, rel=1e-3)


def test_it_is_what_autograd_gives_step_by_step_for_each_layer_and_leaf(recipe):
    prepared = prepare(recipe("lstm"), REGISTRY)
    torch.manual_seed(0)
    module = prepared.new_module().eval()
    found = gradients_by_lag(prepared, module)
    inputs, targets = map(torch.from_numpy, next(prepared.objective.batches(0)))
    state = map_leaves(torch.Tensor.requires_grad_, module.initial_state(len(inputs)))
    before = []
    for token in inputs.T:
        before.append(list(leaves(state)))
        outputs, state = module(token[:, None], state)
    loss = functional.cross_entropy(outputs[:, 0], targets[:, -1], reduction="sum")

    assert list(found["norms"]) == ["hidden[0]", "hidden[1]", "cell[0]", "cell[1]"]
    for place, lag in enumerate(found["lags"]):
        expected = torch.autograd.grad(loss, before[-lag], retain_graph=True)
        for name, gradient in zip(("hidden", "cell"), expected, strict=True):
            for layer in (0, 1):
                norm = gradient[:, layer].norm(dim=1).mean().item()
                assert found["norms"][f"{name}[{layer}]"][place] == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_every_language_model_has_gradients_or_says_in_a_line_why_not(name, recipe):
    if name in WITHOUT:
        with pytest.raises(RecipeError, match="the state holds no numbers that have a gradient"):
            measured(recipe(name))
        return
    found, _ = measured(recipe(name))
    norms = {part: values for part, values in found["norms"].items() if (name, part[:-3]) not in UNUSED}
    assert norms
    assert [part for part, values in norms.items() if not min(values[: FORGOTTEN.get(name)]) > 0] == []


@pytest.mark.parametrize(("name", "parts"), [("selective", ["0.inputs", "0.space"]), ("mingru", ["0[0]", "0[1]"])])
def test_models_of_others_have_gradients_too(name, parts, recipe, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "plugins" / "distributions" / name)
    (offered,) = import_module(f"seqshell_{name}").seqshell_architectures()
    prepared = prepare(recipe("lstm"), REGISTRY)
    sizes = {"vocab_size": prepared.tokenizer.size, "hidden_size": 6, "num_layers": 2}
    torch.manual_seed(0)
    module = resolve(offered.model)(build(resolve(offered.config), sizes))
    found = gradients_by_lag(replace(prepared, architecture=offered), module.eval())

    assert list(found["norms"])[:2] == parts
    assert all(norm > 0 for part in parts for norm in found["norms"][part][:4])


def test_classifiers_and_forecasters_have_gradients(recipe):
    found, prepared = measured(recipe("classifier", "classify", {"cell": "lstm", "num_layers": 1, "pooling": "last"}))
    longest = (next(prepared.objective.batches(0))[0] != PAD).sum(1).max()
    assert found["lags"] == [lag for lag in (1, 2, 4, 8) if lag <= longest]
    assert list(found["norms"]) == ["recurrent.hidden[0]", "recurrent.cell[0]"]

    found, _ = measured(recipe("forecaster", "forecast", {"horizon": 4}))
    assert found["lags"][:3] == [1, 2, 4]
    assert all(norm is not None for norms in found["norms"].values() for norm in norms)


def test_models_that_do_not_read_step_by_step_say_so(recipe):
    with pytest.raises(RecipeError, match="bidirectional_classifier reads texts in both directions"):
        measured(recipe("bidirectional_classifier", "classify"))
    prepared = prepare(recipe("seq2seq", "translate"), REGISTRY)
    with pytest.raises(RecipeError, match="a translation model starts each sequence from another state"):
        gradients_by_lag(prepared, None)


def test_a_training_records_and_shows_each_epoch_and_has_the_same_weights(recipe, folder):
    weights, noted = [], []
    for every in (0, 1):
        events = list(train(recipe("lstm", reach_every=every), REGISTRY, folder / f"{every}.safetensors"))
        weights.append(read(folder / f"{every}.safetensors")[1])
        noted.append([each.text for each in events if isinstance(each, Notice) and each.text.startswith("gradient")])
        charts = [each for each in events if isinstance(each, GradientLags)]
        assert len(charts) == every
    records = [json.loads(line) for line in (folder / "1.run" / "metrics.jsonl").read_text().splitlines()]
    recorded = [record[KEY] for record in records if KEY in record]

    assert all((weights[0][name] == array).all() for name, array in weights[1].items())
    assert noted[0] == []
    assert [text.partition(":")[0] for text in noted[1]] == ["gradient 1 to 32 steps back"] * 2
    assert [each.epoch for each in charts[0].measured] == [1] * 4 + [2] * 4
    assert [list(each.norms) for each in charts[0].measured[:4]] == list(recorded[0]["norms"].values())
    assert KEY not in (folder / "0.run" / "metrics.jsonl").read_text()

    shell = shell_for()
    (found,) = shell.handle("/lags ./1.safetensors")
    assert found == replace(
        charts[0], measured=tuple(replace(each, model="./1.safetensors") for each in found.measured)
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [("ngram", "ngram is fitted by counting"), ("neural_ngram", "the state holds no numbers that have a gradient")],
)
def test_what_cannot_be_measured_is_one_line_and_the_training_goes_on(name, why, recipe, folder):
    events = list(train(recipe(name, reach_every=1), REGISTRY, folder / "a.safetensors"))

    assert [each.text for each in events if isinstance(each, Notice) and "by lag" in each.text] == [
        f"no gradients by lag: {why}"
    ]
    assert (folder / "a.safetensors").exists()


def curve(model, part, *norms, epoch=1):
    lags = tuple(2**power for power in range(len(norms)))
    return LagNorms(model, epoch, part, lags, norms, half_life(norms, lags))


def test_the_chart_has_a_bar_for_each_lag_and_the_half_life():
    event = GradientLags(
        (curve("rnn", "recurrent.hidden[0]", 1.0, 1e-2, 1e-4), curve("lstm", "cell[0]", 5e-3, 5e-3, None))
    )

    assert event.as_text().splitlines() == [
        "|d loss / d state| by steps back; a bar is 4 powers of 10",
        "",
        "     rnn               lstm",
        "     …urrent.hidden[0] cell[0]",
        "     epoch 1           epoch 1",
        "   1 ████████ 1.0e+00  ████████ 5.0e-03",
        "   2 ████     1.0e-02  ████████ 5.0e-03",
        "   4          1.0e-04  ████████ inf",
        "     half-life 0.2341  half-life none",
    ]
    assert event.measured[0].sparkline() == "█▄ "
    assert "#" in event.chart(40, "#")
    assert max(map(len, event.chart(24).splitlines()[1:])) <= 24
    assert event.as_rows()[:2] == [("model", "epoch", "part", "lag", "norm"), ("rnn", 1, "recurrent.hidden[0]", 1, 1.0)]
    assert event.as_json()["gradient_by_lag"][1]["norms"] == (5e-3, 5e-3, None)
    heat, _, grid = event.as_page().blocks
    assert (heat.rows, heat.values) == (("1: recurrent.hidden[0]", "2: cell[0]"), [[4.0, 2.0, 0.0], [4.0, 4.0, 4.0]])
    assert grid.rows[0] == ("1: recurrent.hidden[0]", "rnn", 1, 1.0, 1e-2, 1e-4, "0.2341")


def test_the_terminal_draws_as_many_panels_beside_each_other_as_fit():
    class Screen(io.StringIO):
        encoding = "utf-8"

    event = GradientLags(tuple(curve(name, "hidden", 1.0, 0.1) for name in "abc"))
    for width, beside in ((60, 3), (40, 2), (24, 1)):
        screen = Screen()
        Renderer(Printer(screen, colours=-1, width=lambda width=width: width)).draw(event)
        lines = screen.getvalue().splitlines()
        assert max(line.count("1.0e+00") for line in lines) == beside
        assert lines[-9:] == event.chart(width, "#").splitlines()[-9:]


def test_a_training_shows_its_first_epoch_and_its_last():
    epochs = [curve("a", part, 1.0, 0.5, epoch=epoch) for epoch in (1, 2, 3) for part in ("x", "y")]

    assert [(each.part, each.epoch) for each in GradientLags(tuple(epochs)).panels()] == [
        ("x", 1),
        ("x", 3),
        ("y", 1),
        ("y", 3),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "a has no training beside it: there is no a.run/metrics.jsonl"),
        ('{"step": 1, "loss": 2.0}\n', "the training of a measured no gradients by lag"),
        ('{"epoch": 1, "gradient_by_lag": {"lags": [1, 2], "norms": {"0": [1.0]}}}\n', "metrics.jsonl is damaged"),
        ('{"epoch": 1, "gradient_by_lag": {"lags": [1], "norms": {"0": [NaN]}}}\n', "metrics.jsonl is damaged"),
        ('{"epoch": 1, "gradient_by_lag": 3}\n', "metrics.jsonl is damaged"),
        ("[1", "metrics.jsonl is damaged"),
    ],
)
def test_models_without_a_record_are_refused_in_a_line(content, message, home):
    from seqshell.testing import tiny_checkpoint

    (home / "models").mkdir(parents=True)
    tiny_checkpoint(home / "models" / "a.safetensors", "abc")
    if content is not None:
        (home / "models" / "a.run").mkdir()
        (home / "models" / "a.run" / "metrics.jsonl").write_text(content)
    with pytest.raises(RecipeError, match=message):
        list(shell_for().handle("/lags a"))
