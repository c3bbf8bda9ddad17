"""Finds plugins, registers what they offer, and isolates their errors. Only this package and core.hookspecs use pluggy.

A plugin is a module with hook implementations: an installed distribution's entry point in the group `seqshell`, a file
in the user's plugins folder, or what -p names. Plugins run with the user's rights: the isolation protects from errors,
not from malicious code.
"""

from seqshell.host.entry_points import entry_points
from seqshell.host.imports import resolve
from seqshell.host.loading import build_registry
from seqshell.host.plugin_info import PluginInfo
from seqshell.host.policy import Policy
from seqshell.host.registry import Offers, Registry

__all__ = ["Offers", "PluginInfo", "Policy", "Registry", "build_registry", "entry_points", "resolve"]
