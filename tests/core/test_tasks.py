"""The table of tasks: complete, importable and consistent with what it names."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from seqshell import Task, UsageError
from seqshell.core.tasks import TASKS, task_spec
from seqshell.host import resolve
from seqshell.models.task_parts.parts import TaskParts
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.shell.setting_specs import SHELL_SETTINGS
from seqshell.testing.task_examples import TaskExample
from seqshell.training.task_evaluation import TaskEvaluation


def test_every_task_has_a_spec():
    assert list(TASKS) == list(Task)


@pytest.mark.parametrize("spec", TASKS.values(), ids=list(TASKS))
def test_every_target_of_a_spec_can_be_imported(spec):
    assert issubclass(resolve(spec.behaviour), TaskBehaviour)
    assert issubclass(resolve(spec.parts), TaskParts)
    assert issubclass(resolve(spec.evaluation), TaskEvaluation)
    assert isinstance(resolve(spec.example), TaskExample)
    assert callable(resolve(spec.preparation))
    assert callable(resolve(spec.data_check))


@pytest.mark.parametrize("spec", TASKS.values(), ids=list(TASKS))
def test_a_spec_names_settings_and_options_that_exist(spec):
    options = resolve(spec.evaluation).options
    fields = {field.name for field in dataclasses.fields(options)} if options else set()

    assert spec.settings <= set(SHELL_SETTINGS)
    assert set(spec.evaluation_options) <= fields
    assert set(resolve(spec.example).sizes) == set(spec.sizes)


def test_importing_the_table_imports_nothing_that_it_names():
    code = "import seqshell.core.tasks, sys; print(*(name for name in sys.modules if name.startswith('seqshell.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {name.split(".")[1] for name in done.stdout.split()} == {"core"}


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="unknown task 'echo'; the tasks are generate, translate, classify, forecast"):
        task_spec("echo")
