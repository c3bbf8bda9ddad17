"""Every command that seqshell brings, by name and alias; a command's module is imported when the command is first used."""

from __future__ import annotations

from collections.abc import Iterator

from seqshell.core.plugin_api import Lazy

# module: function = name and aliases. Each word is offered by itself, so that completion and errors know them without an import.
_HOMES = {
    "text": "feed=feed go_on=continue,c reseed=reseed text=text",
    "back": "undo=undo redo=redo rewind=rewind regen=regen,retry reset=reset,clear",
    "branches": "branch=branch checkout=checkout branches=branches drop=drop",
    "choosing": "set_value=set sampler=sampler strategy=strategy seed=seed",
    "looking": "top=top score=score state=state",
    "info": "info=info,show",
    "reach": "reach=reach",
    "translating": "translate=translate attention=attention",
    "classifying": "classify=classify",
    "forecasting": "forecast=forecast",
    "models": "models=models,list load=load close=close",
    "training": "train=train recipes=recipes",
    "session": "save=save restore=restore",
    "scripts": "source=source history=history expect=expect tour=tour leave=quit,exit,bye",
    "recording": "record=record",
    "plugins": "plugins=plugins samplers=samplers strategies=strategies architectures=architectures",
    "help": "show_help=help,?",
}


def offered() -> Iterator[Lazy]:
    """Each command's name and aliases, all Lazy."""
    for module, functions in _HOMES.items():
        for word in functions.split():
            function, _, names = word.partition("=")
            for name in names.split(","):
                yield Lazy(name, f"seqshell.shell.commands.{module}:{function}")
