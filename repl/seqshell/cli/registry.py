"""Load plugins for a command of the command line."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.cli.plain_text import print_diagnostic
from seqshell.host import Policy, Registry
from seqshell.host.builtin import load_registry

if TYPE_CHECKING:
    from argparse import Namespace


def registry_for_command(arguments: Namespace, *, tolerant: bool = False) -> Registry:
    """Load the plugins that --no-plugins and -p allow. What they print goes to stderr, and so do the failures
    and the notices.

    tolerant: do not report failures, even under SEQSHELL_STRICT_PLUGINS; for commands that list plugins or need none.
    """
    policy = Policy.read(no_plugins=arguments.no_plugins, extra=arguments.plugins)
    diagnostics = sys.stderr
    with redirect_stdout(sys.stderr):
        registry = load_registry(
            replace(policy, strict=policy.strict and not tolerant),
            on_slow=lambda text: print_diagnostic(diagnostics, text),
        )
    for text in registry.notices:
        print_diagnostic(sys.stderr, text)
    for problem in () if tolerant else registry.problems:
        print_diagnostic(sys.stderr, problem.message)
    return registry
