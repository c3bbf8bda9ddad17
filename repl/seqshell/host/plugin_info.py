"""A plugin and its status, as /plugins shows it."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell.core.plugin_guard import Owner


@dataclass(frozen=True)
class PluginInfo:
    """A plugin and its status.

    name: the owner in `owner/name`. distribution: empty for a file. import_ms: the duration of the import in
    milliseconds. state: loaded, disabled (it was not imported) or failed (it is left out). reason: why it is not
    loaded. module: the first part of its module's name, which errors show where plugins are unknown; empty before the
    import. named: the arguments of -p that mean it.
    """

    name: str
    distribution: str = ""
    version: str = ""
    hooks: tuple[str, ...] = ()
    import_ms: float = 0.0
    state: str = "loaded"
    reason: str = ""
    builtin: bool = False
    module: str = ""
    named: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How messages refer to the plugin: "the plugin NAME (DISTRIBUTION)"."""
        return self.owner.title

    @property
    def owner(self) -> Owner:
        """The plugin as its modules carry it."""
        return Owner(self.name, self.distribution, self.builtin)
