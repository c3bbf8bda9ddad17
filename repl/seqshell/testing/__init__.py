"""Support for tests, also those of plugin authors: tiny models, whole conversations, and the contract checks."""

from seqshell.testing.contract import (
    Check,
    check_architecture,
    check_command,
    check_data,
    check_importer,
    check_recipe,
    check_sampler,
    check_strategy,
    check_tokenizer,
    failed,
)
from seqshell.testing.shell import run, shell_for
from seqshell.testing.tiny_classifier import tiny_classification_checkpoint, tiny_classification_model
from seqshell.testing.tiny_forecaster import tiny_forecast_checkpoint, tiny_forecast_model
from seqshell.testing.tiny_language_model import tiny_checkpoint, tiny_model
from seqshell.testing.tiny_tagger import tiny_tagging_checkpoint, tiny_tagging_model
from seqshell.testing.tiny_translator import tiny_translation_checkpoint, tiny_translation_model

__all__ = [
    "Check",
    "check_architecture",
    "check_command",
    "check_data",
    "check_importer",
    "check_recipe",
    "check_sampler",
    "check_strategy",
    "check_tokenizer",
    "failed",
    "run",
    "shell_for",
    "tiny_checkpoint",
    "tiny_classification_checkpoint",
    "tiny_classification_model",
    "tiny_forecast_checkpoint",
    "tiny_forecast_model",
    "tiny_model",
    "tiny_tagging_checkpoint",
    "tiny_tagging_model",
    "tiny_translation_checkpoint",
    "tiny_translation_model",
]
