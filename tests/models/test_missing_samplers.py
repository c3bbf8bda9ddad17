"""Models and sessions are opened without a sampler or strategy that is missing, which is named."""

import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import seqshell
from seqshell.core.events import Notice, Token
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.shell.shell import Shell


def test_a_model_is_opened_without_a_sampler_or_strategy_that_no_plugin_offers(elman, saved, elman_registry):
    defaults = {"sampler": "top_k=3 nucleus=0.9,window=2 temperature=0.5", "strategy": "mirostat tau=3"}
    owners = {"sampler": {"nucleus": {"owner": "nuclear", "distribution": "seqshell-nuclear"}}}
    path = elman.rewritten(saved, defaults=defaults, decoding_owners=owners)
    with pytest.warns(RuntimeWarning) as warned:
        session = seqshell.open(path, registry=elman_registry)
    assert [str(each.message) for each in warned] == [
        "mine is opened without the sampler 'nucleus' of the plugin nuclear (seqshell-nuclear), "
        "which no plugin offers; pip install seqshell-nuclear",
        "mine is opened without the strategy 'mirostat', which no plugin offers; seqshell plugins list",
    ]
    assert [stage.name for stage in session.chain] == ["top_k", "temperature"]
    assert session.strategy.name == "sample"


@pytest.mark.parametrize(
    ("sampler", "kept", "reason"),
    [
        ("top_k=-3 temperature=0.5", ["temperature"], "without the sampler 'top_k': top_k must be at least 0"),
        ("top_k=3,soft=1 min_p=0.1", ["min_p"], "without the sampler 'top_k': "),
        ("top_k=3 = 4", [], "without the sampler 'top_k=3 = 4': cannot read '='"),
    ],
)
def test_a_model_is_opened_without_a_sampler_that_refuses_its_settings(
    elman, saved, elman_registry, sampler, kept, reason
):
    with pytest.warns(RuntimeWarning, match=f"mine is opened {reason}"):
        session = seqshell.open(elman.rewritten(saved, defaults={"sampler": sampler}), registry=elman_registry)
    assert [stage.name for stage in session.chain] == kept


@dataclass(frozen=True)
class Nudge:
    """Raises the first logit."""

    name: ClassVar[str] = "nudge"
    stage: ClassVar[str] = "truncation"
    by: float = seqshell.setting(1.0, neutral=0.0)

    def __call__(self, logits, context):
        return logits + self.by * (np.arange(len(logits)) == 0)


FAR = """
import dataclasses, seqshell
from seqshell.decoding.strategies import Greedy

@dataclasses.dataclass(frozen=True)
class Lift:
    by: float = 1.0
    name = "lift"
    def __call__(self, logits, context):
        return logits * self.by

@dataclasses.dataclass(frozen=True)
class Plain(Greedy):
    name = "plain"

@seqshell.hookimpl
def seqshell_samplers():
    yield Lift

@seqshell.hookimpl
def seqshell_strategies():
    yield Plain
"""


@pytest.fixture
def with_sampler(elman):
    plugin = elman.plugin(elman.architecture)
    plugin.seqshell_samplers = seqshell.hookimpl(lambda: [Nudge])
    return load_registry(Policy(no_plugins=True), modules=[plugin])


def test_a_checkpoint_names_the_plugin_of_its_sampler(elman, module, with_sampler, elman_registry, tmp_path):
    defaults = {"sampler": "nudge=2 temperature=0.5", "strategy": "sample"}
    path = elman.save(tmp_path / "mine.safetensors", module, with_sampler, defaults=defaults)
    assert file.read_header(path)["decoding_owners"] == {"sampler": {"nudge": {"owner": "mine", "distribution": ""}}}
    assert [stage.name for stage in seqshell.open(path, registry=with_sampler).chain] == ["nudge", "temperature"]
    with pytest.warns(RuntimeWarning, match="without the sampler 'nudge' of the plugin mine, which no plugin offers"):
        assert [stage.name for stage in seqshell.open(path, registry=elman_registry).chain] == ["temperature"]


def test_the_shell_says_once_what_is_missing_and_answers(elman, module, with_sampler, elman_registry, tmp_path):
    path = elman.save(
        tmp_path / "mine.safetensors", module, with_sampler, defaults={"sampler": "nudge=2 top_k=1", "max_tokens": 4}
    )
    shell = Shell(elman_registry)
    events = [event for line in (f"/load {path}", "abc", "/sampler") for event in shell.handle(line)]
    missing = "mine is opened without the sampler 'nudge' of the plugin mine, which no plugin offers"
    assert [event.text for event in events if isinstance(event, Notice) and event.level == "warning"] == [
        f"{missing}; seqshell plugins list"
    ]
    assert sum(isinstance(event, Token) for event in events) == 4


def test_a_saved_session_names_the_package_of_each_missing_sampler_and_strategy(
    elman, module, elman_registry, tmp_path, monkeypatch
):
    """The plugin is loaded from a distribution's folder, which is not installed when the session is restored."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "far"
    folder.mkdir()
    (folder / "far_away.py").write_text(FAR, "utf-8")
    (folder / "pyproject.toml").write_text(
        "[project]\nname = 'seqshell-far'\n[project.entry-points.seqshell]\nfar = 'far_away'\n", "utf-8"
    )
    with_far = load_registry(Policy(no_plugins=True, extra=(str(folder),)), modules=[elman.plugin(elman.architecture)])
    path = elman.save(tmp_path / "mine.safetensors", module, elman_registry)
    assert with_far.problems == ()
    shell = Shell(with_far)
    kept = tmp_path / "kept.safetensors"
    for line in (f"/load {path}", "/sampler lift=2 top_k=2", "/strategy plain", "abc", f"/save {kept}"):
        list(shell.handle(line))
    assert shell.session.strategy.name == "plain"
    text = shell.session.text()

    other = Shell(elman_registry)
    events = list(other.handle(f"/restore {kept}"))
    of = "of the plugin far (seqshell-far), which no plugin offers; pip install seqshell-far"
    assert [event.text for event in events if isinstance(event, Notice)] == [
        f"kept.safetensors is restored without the sampler 'lift' {of}",
        f"kept.safetensors is restored without the strategy 'plain' {of}",
    ]
    assert other.session.text() == text
    assert [stage.name for stage in other.session.chain] == ["top_k"]
    assert other.session.strategy.name == "sample"
    assert sum(isinstance(event, Token) for event in other.handle("/continue 3")) == 3


def test_a_saved_session_is_restored_without_a_missing_sampler(elman, module, with_sampler, elman_registry, tmp_path):
    path = elman.save(tmp_path / "mine.safetensors", module, with_sampler)
    shell = Shell(with_sampler)
    for line in (f"/load {path}", "/sampler nudge=2 top_k=2", "abc", f"/save {tmp_path / 'kept.safetensors'}"):
        list(shell.handle(line))
    text = shell.session.text()

    other = Shell(elman_registry)
    events = list(other.handle(f"/restore {tmp_path / 'kept.safetensors'}"))
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "kept.safetensors is restored without the sampler 'nudge' of the plugin mine, which no plugin offers; "
        "seqshell plugins list"
    ]
    assert other.session.text() == text
    assert [stage.name for stage in other.session.chain] == ["top_k"]
    list(other.handle("/undo"))
    assert other.session.position == 0
