"""Words that people know from other programs, and the line that does the same here. Imports nothing of the shell.

In a line, {NAME} stands for what the user wrote after the word, and for NAME itself if that was nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

# The first word of a line without its slash, or the first two.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "again": "/regen",
        "back": "/undo",
        "cls": "Ctrl-L at the prompt",
        "compare": "seqshell compare outside the shell",
        "config": "/set",
        "cp": "seqshell cp outside the shell",
        "delete": "seqshell rm outside the shell",
        "edit": "Ctrl-X Ctrl-E at the prompt",
        "evaluate": "seqshell evaluate outside the shell",
        "explain": "/classify --explain {TEXT}",
        "forget": "/reset",
        "fork": "/branch {NAME}",
        "gen": "/continue",
        "generate": "/continue",
        "goto": "/rewind {POS}",
        "h": "/help",
        "import": "seqshell import outside the shell",
        "label": "/classify {TEXT}",
        "logits": "/top",
        "ls": "/models",
        "model": "/load {NAME}",
        "more": "/continue",
        "new": "/reset",
        "next": "/top",
        "open": "/load {NAME}",
        "options": "/set",
        "params": "/set",
        "perplexity": "/score {TEXT}",
        "probs": "/top",
        "pull": "seqshell pull outside the shell",
        "q": "/quit",
        "read": "/feed @{FILE}",
        "restart": "/reset",
        "rm": "seqshell rm outside the shell",
        "run": "/load {NAME}",
        "settings": "/set",
        "show info": "/info",
        "show license": "/info",
        "show modelfile": "/info",
        "show parameters": "/set",
        "show system": "/text",
        "show template": "/text",
        "stats": "/state",
        "stop": "Ctrl-C at the prompt",
        "switch": "/checkout {NAME}",
        "system": "/feed {TEXT}",
        "use": "/load {NAME}",
        "why": "/classify --explain {TEXT}",
        "write": "/text -o {FILE}",
    }
)

# The name of a setting, with underscores: a setting here, or a line.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "beam_size": "/strategy beam width={N}",
        "beams": "/strategy beam width={N}",
        "colour": "color",
        "do_sample": "/strategy sample",
        "eos": "stop",
        "format": "seqshell --json outside the shell",
        "help": "/help set",
        "history": "/history",
        "length": "max_tokens",
        "logit_bias": "bias",
        "max_len": "max_tokens",
        "max_length": "max_tokens",
        "max_new_tokens": "max_tokens",
        "model": "/load {NAME}",
        "n_best": "nbest",
        "n_predict": "max_tokens",
        "n_tokens": "max_tokens",
        "num_beams": "/strategy beam width={N}",
        "num_ctx": "/reach to see how far back the model remembers",
        "num_predict": "max_tokens",
        "num_return_sequences": "/regen {K}",
        "num_tokens": "max_tokens",
        "param": "/set {NAME VALUE}",
        "parameter": "/set {NAME VALUE}",
        "prompt": "/feed {TEXT}",
        "rep_pen": "repeat_penalty",
        "repeat_last_n": "repeat_penalty.window",
        "repetition_penalty": "repeat_penalty",
        "sampler": "/sampler {NAME=VALUE}",
        "seed": "/seed {N}",
        "steps": "horizon",
        "stop_sequences": "stop",
        "stop_words": "stop",
        "strategy": "/strategy {NAME}",
        "system": "/feed {TEXT}",
        "temp": "temperature",
        "tokens": "max_tokens",
        "topk": "top_k",
        "topp": "top_p",
        "verbose": "/top or /state to see what the model computes",
    }
)

# The first argument of seqshell: its arguments here. {NAME} is the argument after the word.
SUBCOMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "chat": "-m {NAME}",
        "complete": "-c {TEXT}",
        "convert": "import {FILE}",
        "copy": "cp {NAME} {NEW}",
        "create": "train {FILE}",
        "delete": "rm {NAME}",
        "download": "pull {URL}",
        "eval": "evaluate {MODEL} {DATA}",
        "finetune": "train {FILE}",
        "fit": "train {FILE}",
        "generate": "-c {TEXT}",
        "help": "{} --help",
        "info": "show {NAME}",
        "install": "pull {URL}",
        "list": "models",
        "load": "-m {NAME}",
        "ls": "models",
        "open": "-m {NAME}",
        "prompt": "-c {TEXT}",
        "ps": "models",
        "remove": "rm {NAME}",
        "repl": "-m {NAME}",
        "run": "-m {NAME}",
        "shell": "-m {NAME}",
        "start": "-m {NAME}",
        "test": "evaluate {MODEL} {DATA}",
        "version": "--version",
    }
)

# An option of other programs: the options of seqshell.
OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "--command": "-c {LINE}",
        "--debug": "SEQSHELL_DEBUG=1 seqshell",
        "--eval": "-c {LINE}",
        "--execute": "-c {LINE}",
        "--file": "--prompt - < {FILE}",
        "--interactive": "-i",
        "--list": "seqshell models",
        "--load": "-m {NAME}",
        "--model": "-m {NAME}",
        "--no-color": "--color=never",
        "--no-colour": "--color=never",
        "--plugin": "-p {PATH}",
        "--resume": "--continue",
        "--session": "--restore {NAME}",
        "-V": "--version",
        "-e": "-c {LINE}",
        "-f": "--prompt - < {FILE}",
        "-n": "--set max_tokens={N}",
        "-o": "--set {NAME}={VALUE}",
        "-s": "--seed {N}",
        "-v": "--version",
    }
)

_BLANK = re.compile(r"\{([^}]*)\}")


def as_setting(name: str) -> str:
    """A name of a setting as settings are spelt here: `Top-K` is top_k."""
    return name.lower().replace("-", "_")


def filled(line: str, *given: str) -> str:
    """The line with what the user wrote in its blanks, in order; a blank without one is the word for it."""
    left = [text for text in given if text]
    return _BLANK.sub(lambda blank: left.pop(0) if left else blank[1], line)
