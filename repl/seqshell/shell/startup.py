"""Builds the shell that the command line describes. Imports it only then, so that the first prompt need not wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import UsageError

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


@dataclass(frozen=True)
class Options:
    """The command line of the shell itself. lines: each -c and --prompt. scripts: files, `-` being stdin.

    settings: each --set. preset: of --preset. weights: the precision of the model's.
    interactive: a person types at a terminal, from the start or, with -i (go_on), after the scripts. json: "", "lines"
    or "stream".
    """

    model: str | None = None
    weights: str | None = None
    lines: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    interactive: bool = False
    messages: bool = False
    json: str = ""
    echo: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    preset: str | None = None
    seed: int | None = None
    restore: str | None = None
    on_error: str = "stop"
    no_plugins: bool = False
    plugins: tuple[str, ...] = ()
    device: str = "auto"
    color: str = "auto"
    go_on: bool = False


def build_shell(
    options: Options, read_stdin: Callable[[], str] | None = None, on_slow: Callable[[str], None] | None = None
) -> Shell:
    """Load the plugins, read the settings, and open the model or the saved session.

    on_slow: called when the import of a plugin takes long, as in `host.build_registry`. Warnings go to the shell's
    `notices`. Raises UsageError for an invalid --set or --preset, CheckpointError for a missing or invalid model or
    session, and PluginError for a plugin that failed if SEQSHELL_STRICT_PLUGINS=1.
    """
    from seqshell.core.events import Notice
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry
    from seqshell.shell import preset_files
    from seqshell.shell.commands.models import weights_notice
    from seqshell.shell.setting_specs import settings_of_config
    from seqshell.shell.settings import Settings
    from seqshell.shell.shell import Shell

    registry = load_registry(Policy.read(no_plugins=options.no_plugins, extra=options.plugins), on_slow=on_slow)
    try:
        config, problems = settings_of_config(paths.read_config())
    except UsageError as error:
        # The policy for plugins, which reads the file, too, warns of the same and of what follows from it.
        is_known = any(text.startswith(error.message) for text in registry.warnings)
        config, problems = {}, [] if is_known else [error.message]
    offered = registry.samplers, registry.strategies, registry.settings
    preset = preset_files.find(options.preset, registry) if options.preset is not None else None
    settings = Settings(*offered, config=config, command_line=dict(options.settings), preset=preset)
    seed = options.seed if options.seed is not None else _random_seed() if options.interactive else 0
    shell = Shell(
        registry,
        settings=settings,
        seed=seed,
        interactive=options.interactive,
        read_stdin=read_stdin,
        device=options.device,
    )
    warnings = [
        *registry.warnings,
        *(f"{problem.message}; /plugins --errors" for problem in registry.problems),
        *problems,
    ]
    shell.notices += map(Notice, registry.notices)
    shell.notices += [Notice(text, "warning") for text in dict.fromkeys(warnings)]
    if options.model is not None or options.restore is None:
        shell.open(options.model or paths.DEFAULT_MODEL, options.weights)
    if options.restore is not None:
        session = shell.workspace.restore(options.restore, options.weights)
        if options.seed is not None:
            session.set_seed(options.seed)
    if shell.session.model.logit_error is not None:
        shell.notices.append(weights_notice(shell))
    return shell


def _random_seed() -> int:
    """A random seed that is short enough to read aloud."""
    import secrets

    return secrets.randbelow(10**6)
