"""What the greeting of each shipped model suggests runs as it is shown, in the order in which it is shown."""

from __future__ import annotations

import re

import pytest

from seqshell.core import paths
from seqshell.core.tasks import task_spec
from seqshell.models.summary import examples
from seqshell.shell.shell import Shell

MODELS = sorted(path.name.removesuffix(paths.ENDING) for path in paths.shipped().glob(f"*{paths.ENDING}"))


@pytest.mark.parametrize("name", MODELS)
def test_the_example_and_the_lines_that_the_greeting_suggests_run(registry, folder, name):
    shell = Shell(registry)
    shell.open(name)
    shell.settings.set("max_tokens", 20)
    spec = task_spec(shell.task)
    lines = [next(iter(examples(shell.session.model.header))), *re.findall(r"/[^,]+", spec.next_steps)]
    lines += [
        line
        for words in spec.keys
        for line in re.findall(r"(?:^|: |· )(/[^·:]+)", words)
        if not re.search(r"TEXT|FILE|/tour|/help", line)
    ]

    assert len(lines) > 2
    for line in lines:
        list(shell.handle(line.strip()))
