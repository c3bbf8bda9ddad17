"""The hooks that a plugin may implement. Each returns values; none calls back into the host."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pluggy

from seqshell.core.model import Architecture
from seqshell.core.plugin_api import Command, Lazy

hookspec = pluggy.HookspecMarker("seqshell")
hookimpl = pluggy.HookimplMarker("seqshell")

API_VERSION = 1


@hookspec
def seqshell_architectures() -> Iterable[Architecture]:  # type: ignore[empty-body]  # a specification has no body
    """Offer architectures: families of models that recipes train and checkpoints name.

    Called once, when the registry is built. Two plugins that offer one name are told apart as `owner/name`; the short name of
    a built-in stays the built-in's.

        @seqshell.hookimpl
        def seqshell_architectures():
            yield seqshell.Architecture("mingru", seqshell.Task.GENERATE, config="mypkg.mingru:Config", model="mypkg.mingru:MinGRU")
    """


@hookspec
def seqshell_samplers() -> Iterable[type[Any] | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer samplers: the ways to reshape the next token's logits. `/sampler NAME=VALUE` selects them.

    Called once, when the registry is built. Two plugins that offer one name are told apart as `owner/name`.

        @seqshell.hookimpl
        def seqshell_samplers():
            yield seqshell.Lazy("top_k", "mypkg.samplers:TopK")
    """


@hookspec
def seqshell_strategies() -> Iterable[type[Any] | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer strategies: the ways to produce a sequence, such as greedy and sample. `/strategy NAME` selects one.

    Called once, when the registry is built. Two plugins that offer one name are told apart as `owner/name`.

        @seqshell.hookimpl
        def seqshell_strategies():
            yield seqshell.Lazy("contrastive", "mypkg.search:Contrastive")
    """


@hookspec
def seqshell_tokenizers() -> Iterable[type[Any] | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer tokenizers: `[tokenizer] name = "..."` in a recipe selects one, and checkpoints remember it.

    Called once, when the registry is built. Two plugins that offer one name are told apart as `owner/name`.

        @seqshell.hookimpl
        def seqshell_tokenizers():
            yield seqshell.Lazy("syllable", "mypkg.text:SyllableTokenizer")
    """


@hookspec
def seqshell_commands() -> Iterable[Command | Lazy]:  # type: ignore[empty-body]  # a specification has no body
    """Offer commands: words that start with a slash.

    Called once, when the registry is built. Two plugins that offer one name are told apart as `/owner/name`.

        @seqshell.hookimpl
        def seqshell_commands():
            yield seqshell.Lazy("poem", "mypkg.poem:poem")
    """


@hookspec
def seqshell_checkpoints() -> Iterable[Path]:  # type: ignore[empty-body]  # a specification has no body
    """Offer folders with checkpoints (NAME.safetensors) that the plugin ships; they are found after the user's own.

    Called once, when the registry is built.

        @seqshell.hookimpl
        def seqshell_checkpoints():
            yield Path(__file__).parent / "checkpoints"
    """


@hookspec
def seqshell_importers() -> Iterable[Any]:  # type: ignore[empty-body]  # a specification has no body
    """Offer importers: readers of other programs' model files, which `seqshell import` asks in turn, built-in ones last.

    An importer is called as read(path, options) and returns a seqshell.ForeignModel; None when the file is not one of its kind; a
    SeqshellError, in one line, when it is one and cannot be used. options: the tables of MAP.toml, and under allow_pt whether the user
    lets pickled weights be read. A ForeignModel whose tokenizer is None gets the one that [tokenizer] of MAP.toml describes.

    Called once, when the registry is built. Two plugins that offer one name are told apart as `owner/name`.

        @seqshell.hookimpl
        def seqshell_importers():
            yield seqshell.Lazy("karpathy", "mypkg.importing:read")
    """


@hookspec
def seqshell_session_started(session: Any) -> None:
    """A session began: a model was opened, or a saved session restored. An exception is reported and the plugin left out.

    @seqshell.hookimpl
    def seqshell_session_started(session):
        print_to_log(session.model.name)
    """


@hookspec
def seqshell_session_ended(session: Any, reason: str) -> None:
    """A session ended; reason: quit, closed, or error.

    @seqshell.hookimpl
    def seqshell_session_ended(session, reason):
        count(session.position)
    """


@hookspec
def seqshell_model_loaded(session: Any) -> None:
    """A model's weights are in memory and its first session stands at the initial state.

    @seqshell.hookimpl
    def seqshell_model_loaded(session):
        remember(session.model.fingerprint)
    """


@hookspec
def seqshell_token(session: Any, token: Any) -> None:
    """A token was committed; dispatched only when somebody implements it. One that Ctrl-C had to stop is left out, and the answer ends.

    @seqshell.hookimpl
    def seqshell_token(session, token):
        tally[token.id] += 1
    """
