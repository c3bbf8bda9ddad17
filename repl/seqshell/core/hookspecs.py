"""The hooks that a plugin may implement.

A hook that offers something returns an iterable, or is a generator; None offers nothing. It is called once, when the
shell starts, so it must be fast: offer things by name (`Lazy`, "package.module:Name"), and their modules are imported
when they are first used. If two plugins offer the same name, neither replaces the other: the user writes `owner/name`.
A built-in thing keeps its short name. A plugin whose hook raises is left out completely, and `/plugins --errors` shows
why.

A hook for events is called during the session. If it raises, the error is reported and the plugin is left out from
then on. It may return events, which are shown beside the results of the line: a Text, a Table, a Picture, a Notice, or
an event class of its own with as_text() and as_json(). The last argument of each is `settings`: the plugin's own, see
seqshell_settings. An implementation names only the arguments that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pluggy

from seqshell.core.events import Event
from seqshell.core.model import Architecture
from seqshell.core.plugin_api import Command, Lazy

hookspec = pluggy.HookspecMarker("seqshell")
hookimpl = pluggy.HookimplMarker("seqshell")

API_VERSION = "1.1"  # a later minor version adds hooks, or arguments at their ends
Shown = Event | Iterable[Event] | None  # what a hook may return to show


@hookspec
def seqshell_architectures() -> Iterable[Architecture]:  # type: ignore[empty-body]  # a specification has no body
    """Offer architectures: families of models. A recipe trains one by its name, and a checkpoint remembers the name.

    Example:
        @seqshell.hookimpl
        def seqshell_architectures():
            yield seqshell.Architecture(
                "mingru", seqshell.Task.GENERATE, config="mypkg.mingru:Config", model="mypkg.mingru:MinGRU"
            )
    """


@hookspec
def seqshell_samplers() -> Iterable[type[Any] | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer samplers: ways to reshape the next token's logits. `/sampler NAME=VALUE` selects them.

    Example:
        @seqshell.hookimpl
        def seqshell_samplers():
            yield seqshell.Lazy("top_k", "mypkg.samplers:TopK")
    """


@hookspec
def seqshell_strategies() -> Iterable[type[Any] | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer strategies: ways to choose a whole sequence, such as greedy decoding and beam search.

    `/strategy NAME` selects one.

    Example:
        @seqshell.hookimpl
        def seqshell_strategies():
            yield seqshell.Lazy("contrastive", "mypkg.search:Contrastive")
    """


@hookspec
def seqshell_tokenizers() -> Iterable[type[Any] | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer tokenizers. `[tokenizer] name = "NAME"` in a recipe selects one, and a checkpoint remembers it.

    Example:
        @seqshell.hookimpl
        def seqshell_tokenizers():
            yield seqshell.Lazy("syllable", "mypkg.text:SyllableTokenizer")
    """


@hookspec
def seqshell_commands() -> Iterable[Command | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer commands, which the user calls as `/NAME`; `@seqshell.command` makes one.

    Example:
        @seqshell.hookimpl
        def seqshell_commands():
            yield seqshell.Lazy("poem", "mypkg.poem:poem")
    """


@hookspec
def seqshell_checkpoints() -> Iterable[Path]:  # type: ignore[empty-body]  # a specification has no body
    """Offer folders with the checkpoints (NAME.safetensors) that the plugin ships.

    The user's own checkpoints are found first.

    Example:
        @seqshell.hookimpl
        def seqshell_checkpoints():
            yield Path(__file__).parent / "checkpoints"
    """


@hookspec
def seqshell_recipes() -> Iterable[Path]:  # type: ignore[empty-body]  # a specification has no body
    """Offer folders with recipes (NAME.toml), which `seqshell train NAME` and `/train NAME` use.

    The user's own recipes are found first. Paths in a recipe are relative to its folder.

    Example:
        @seqshell.hookimpl
        def seqshell_recipes():
            yield Path(__file__).parent / "recipes"
    """


@hookspec
def seqshell_data() -> Iterable[Any]:  # type: ignore[empty-body]  # a specification has no body
    """Offer data that a function makes. "generated:OWNER/NAME", in place of a file, names it in a recipe.

    The function takes no arguments. It returns a text, which is read as a file with this content would be, or pairs of
    texts: a source and its translation, or a text and its label. It must return the same each time.

    Example:
        @seqshell.hookimpl
        def seqshell_data():
            yield seqshell.Lazy("sums", "mypkg.data:sums")
    """


@hookspec
def seqshell_importers() -> Iterable[Any]:  # type: ignore[empty-body]  # a specification has no body
    """Offer importers: readers of other programs' model files.

    `seqshell import` tries them in turn, the built-in ones last.

    An importer is a function read(path, options). It returns a seqshell.ForeignModel, or None if the file is of another
    kind. If the file is of its kind but cannot be used, it raises a SeqshellError with a message of one line. options:
    the tables of MAP.toml, and "allow_pt", which is True if the user permits to unpickle files; `seqshell.read_torch`
    reads files of PyTorch without running anything. A ForeignModel without a tokenizer gets the one that [tokenizer] in
    MAP.toml describes.

    Example:
        @seqshell.hookimpl
        def seqshell_importers():
            yield seqshell.Lazy("karpathy", "mypkg.importing:read")
    """


@hookspec
def seqshell_settings() -> type[Any]:  # type: ignore[empty-body]  # a specification has no body
    """Declare the plugin's settings: a frozen dataclass whose fields have defaults; seqshell.setting adds limits.

    `/set PLUGIN.FIELD` shows and sets one, and so do `--set PLUGIN.FIELD=VALUE` and the table `[plugins.PLUGIN]` of
    config.toml. The plugin's hooks get them as `settings`, its commands from `shell.settings.of(PLUGIN)`.

    Example:
        @seqshell.hookimpl
        def seqshell_settings():
            return LogSettings  # with `limit: int = seqshell.setting(10, low=1, help="the number of turns to keep")`
    """


@hookspec
def seqshell_session_started(session: Any, settings: Any) -> Shown:
    """A session has started: a model was opened, or a saved session was restored.

    Example:
        @seqshell.hookimpl
        def seqshell_session_started(session):
            print_to_log(session.model.name)
    """


@hookspec
def seqshell_session_ended(session: Any, reason: str, settings: Any) -> Shown:
    """A session has ended. reason: "quit", "closed" or "error".

    Example:
        @seqshell.hookimpl
        def seqshell_session_ended(session, reason):
            count(session.position)
    """


@hookspec
def seqshell_model_loaded(session: Any, settings: Any) -> Shown:
    """A model has been loaded; its first session is at the initial state.

    Example:
        @seqshell.hookimpl
        def seqshell_model_loaded(session):
            remember(session.model.fingerprint)
    """


@hookspec
def seqshell_token(session: Any, token: Any, settings: Any) -> None:
    """A token has become part of the session. It is called for every token, so it must be fast.

    The answer is not finished, so the session can only be looked at: whatever would change it raises an error, and the
    plugin is left out from then on. If the user stops it with Ctrl-C, the answer ends and the plugin is left out, too.
    What it returns is ignored. It is not called for what the user writes: a text that is fed, and tokens that are
    chosen with /pick, /alt or /explore, which the user may take back; `seqshell_turn` gets them.

    Example:
        @seqshell.hookimpl
        def seqshell_token(session, token):
            tally[token.id] += 1
    """


@hookspec
def seqshell_turn(session: Any, line: str, events: tuple[Event, ...], settings: Any) -> Shown:
    """A line has ended without an error: a message or a command, also one within a script.

    line: as the user sent it. events: what the line gave, in order, without tokens, progress and the answers to the
    lines of a file: a Finished (the answer of a language model), Translation, Label or Forecast, a Moved, a Table ...
    session: the one that answered. It can only be looked at, but its notes can be changed.

    Example:
        @seqshell.hookimpl
        def seqshell_turn(session, line, events):
            for event in events:
                if isinstance(event, seqshell.Finished):
                    return seqshell.Notice(f"{event.num_tokens} tokens, {event.stop}")
    """


@hookspec
def seqshell_moved(session: Any, moved: Any, settings: Any) -> Shown:
    """The session was moved by the line that ends: /undo, /redo, /rewind, /reset, /reseed, /branch or /checkout.

    It is called before seqshell_turn. moved: a seqshell.Moved with `position`, `was`, `branch` and `removed`. The
    session, whose notes are those of the new position, can only be looked at, but its notes can be changed.

    Example:
        @seqshell.hookimpl
        def seqshell_moved(session, moved):
            return seqshell.Notice(f"the log has {len(session.notes.get('log', []))} turns here")
    """


@hookspec
def seqshell_toolbar(session: Any, settings: Any) -> str:  # type: ignore[empty-body]  # a specification has no body
    """Return a short text for the toolbar below the prompt; an empty one or None shows nothing.

    It is called once before each prompt, so that typing stays fast.

    Example:
        @seqshell.hookimpl
        def seqshell_toolbar(session):
            return f"{len(session.notes.get('log', []))} turns"
    """


@hookspec
def seqshell_training(run: Any, event: Event, settings: Any) -> Shown:
    """A training has an event: a Progress after each batch, a Notice after each epoch, and the results at its end.

    run: the seqshell.training.run.Run, to look at: `run.progress` (epoch, step, history, best), `run.prepared.recipe`,
    `run.module`, `run.folder`. Random numbers that are drawn here do not change the training. If the hook fails, the
    plugin's hooks are left out; its architectures stay, and the training continues.

    Example:
        @seqshell.hookimpl
        def seqshell_training(run, event):
            if isinstance(event, seqshell.Notice) and run.progress.best:
                return seqshell.Notice(f"best so far: epoch {run.progress.best['epoch']}")
    """
