"""The subcommands by name. Their modules are imported when they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


@dataclass(frozen=True)
class Subcommand:
    """A subcommand of the command line.

    module: of seqshell.cli, with the functions add_NAME_arguments and NAME_command. summary: one line of help.
    """

    name: str
    module: str
    summary: str

    def add(self, parser: ArgumentParser) -> None:
        """Add its options to a parser."""
        self._function(f"add_{self.name}_arguments")(parser)

    def run(self, arguments: Namespace) -> int:
        """Run it and return the exit code. Raises SeqshellError."""
        return int(self._function(f"{self.name}_command")(arguments))

    def _function(self, name: str) -> Any:
        from importlib import import_module

        return getattr(import_module(f"seqshell.cli.{self.module}"), name)


_ALL = (
    Subcommand("train", "train", "Train a model from a recipe or a text file."),
    Subcommand("evaluate", "evaluate", "Evaluate a model on a text, translations, labelled texts or a series."),
    Subcommand("score", "score", "Write the surprisal of each token or word of a text as a table."),
    Subcommand("compare", "evaluate", "Compare language models on the same text; recipes are trained first."),
    Subcommand("trace", "trace", "Write what a model does with each token of a text."),
    Subcommand("bulk", "bulk", "Translate, classify, score, forecast or trace the lines of files in many processes."),
    Subcommand("models", "models", "List or check the models, or remove texts that trainings have encoded."),
    Subcommand("show", "show", "Show a model's card, figures, origin, size and hash."),
    Subcommand("pull", "pull", "Download a model from a URL or from Hugging Face."),
    Subcommand("cp", "model_files", "Copy a model."),
    Subcommand("rm", "model_files", "Remove a model of yours."),
    Subcommand("runs", "runs", "List trainings with their figures, show one, plot their losses, or remove one."),
    Subcommand("recipes", "train", "List the recipes, or print one."),
    Subcommand("import", "import_weights", "Convert weights from another program to a checkpoint."),
    Subcommand("average", "average", "Average the weights of models of one kind."),
    Subcommand("export", "export", "Write a model as plain PyTorch or as an ONNX graph."),
    Subcommand("plugins", "plugins", "List, create or check plugins."),
    Subcommand("completion", "completion", "Print the script with which your shell completes seqshell's arguments."),
    Subcommand("config", "config", "Show every setting and where its value comes from, or edit the config file."),
    Subcommand("paths", "folders", "Show where your models, sessions and settings are."),
)
SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType({each.name: each for each in _ALL})
