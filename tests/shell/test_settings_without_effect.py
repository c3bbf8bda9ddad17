"""Settings that have no effect on the model, or on how it answers, are noted or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.shell.sending import fails, notices

from seqshell.shell.settings import Settings
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model, tiny_translation_model


@pytest.fixture
def names(registry, folder):
    """A shell with a model of each task, by the name of the task; the translation model searches greedily."""
    shell = Shell(registry)
    for model in (tiny_model(), tiny_translation_model(), tiny_classification_model(), tiny_forecast_model()):
        shell.workspace.add(replace(model, name=str(model.task)), background=True)
    return shell


@pytest.mark.parametrize(
    ("task", "line", "told"),
    [
        (
            "generate",
            "/set horizon 3",
            "horizon has no effect on generate, which is a language model; it is for forecasters",
        ),
        (
            "generate",
            "/set nbest 3",
            "nbest has no effect on generate, which is a language model; it is for translation models",
        ),
        (
            "classify",
            "/set max_tokens 3",
            "max_tokens has no effect on classify, which is a classifier; it is for language models and translation "
            "models",
        ),
        (
            "classify",
            "/set surprisal on",
            "surprisal has no effect on classify, which is a classifier; it is for language models and translation "
            "models",
        ),
        (
            "forecast",
            "/set unknown skip",
            "unknown has no effect on forecast, which is a forecaster; it is for language models, translation models "
            "and classifiers",
        ),
        (
            "translate",
            "/set temperature 0.5",
            "greedy does not sample, so temperature=0.5 has no effect; /strategy sample does",
        ),
    ],
)
def test_a_setting_without_effect_on_the_model_says_so(names, task, line, told):
    names.workspace.use(task)
    assert notices(names, line) == [told]


@pytest.mark.parametrize(
    ("task", "line"),
    [
        ("generate", "/set max_tokens 3"),
        ("translate", "/set nbest 1"),
        ("translate", "/set repeat_penalty 1.1"),
        ("forecast", "/set horizon 2"),
        ("classify", "/set suggest off"),
        ("classify", "/set unknown skip"),
    ],
)
def test_a_setting_with_an_effect_is_changed_without_a_notice(names, task, line):
    names.workspace.use(task)
    assert notices(names, line) == []


@pytest.mark.parametrize("task", ["classify", "forecast"])
@pytest.mark.parametrize(
    "line", ["/set temperature 0.5", "/set temperature", "/set top_k default", "/set beam.width 3"]
)
def test_settings_of_the_chain_are_refused_by_models_that_draw_nothing(names, task, line):
    names.workspace.use(task)
    error = fails(names, line)
    noun = {"classify": "a classifier", "forecast": "a forecaster"}[task]
    name = line.split()[1]
    assert error.code == "wrong_task"
    assert error.message == f"{name} is for language models and translation models; {task} is {noun}"


def test_settings_of_the_command_line_without_effect_are_reported_once(registry, folder):
    given = {"temperature": "0.5", "max_tokens": "5", "unknown": "skip"}
    settings = Settings(registry.samplers, registry.strategies, command_line=given)
    shell = Shell(registry, settings=settings)
    shell.workspace.add(replace(tiny_classification_model(), name="labels"))
    shell.workspace.add(replace(tiny_classification_model(), name="labels"))
    assert [notice.text for notice in shell.take_notices()] == [
        "temperature is for language models and translation models; labels is a classifier",
        "max_tokens has no effect on labels, which is a classifier; it is for language models and translation models",
    ]
    assert "temperature" not in settings.names()
    shell.workspace.add(tiny_model())
    assert settings.get("temperature") == 0.5


@pytest.mark.parametrize(
    ("strategy", "line", "told"),
    [
        ("greedy", "/regen", "greedy gives the same answer again; /strategy sample gives others"),
        (
            "greedy",
            "/regen temperature=1,2",
            "greedy does not sample, so temperature has no effect; /strategy sample does",
        ),
        ("beam", "/regen top_k=1,2", "beam does not sample, so top_k has no effect; /strategy sample does"),
        ("beam", "/regen 2", ""),
        ("beam", "/regen repeat_penalty=1,2", ""),
        ("sample", "/regen temperature=1,2", ""),
    ],
)
def test_candidates_that_will_be_equal_are_noted(names, strategy, line, told):
    names.workspace.use("translate")
    for each in ("i love you", f"/strategy {strategy}"):
        list(names.handle(each))
    assert notices(names, line) == ([told] if told else [])


def test_a_sampler_of_the_command_line_that_a_search_leaves_out_is_reported(registry, folder):
    settings = Settings(registry.samplers, registry.strategies, command_line={"temperature": "0.5", "max_tokens": "5"})
    shell = Shell(registry, settings=settings)
    shell.workspace.add(tiny_model())
    assert shell.take_notices() == ()
    shell.workspace.add(tiny_translation_model())
    assert [notice.text for notice in shell.take_notices()] == [
        "greedy does not sample, so temperature=0.5 has no effect; /strategy sample does"
    ]
