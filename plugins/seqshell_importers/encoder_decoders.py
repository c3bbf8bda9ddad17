"""The importer `encoder_decoder`: translators that other programs saved with torch, each layout in its own module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqshell import ForeignModel, SeqshellError, read_torch, recognise_file
from seqshell_importers.bentrevett import read_bentrevett
from seqshell_importers.joeynmt import read_joeynmt
from seqshell_importers.opennmt import read_opennmt
from seqshell_importers.torch_chatbot import read_chatbot
from seqshell_importers.torch_seq2seq import read_tutorial

LAYOUTS = (read_opennmt, read_joeynmt, read_bentrevett, read_chatbot, read_tutorial)


def read_encoder_decoder(path: Path, options: Mapping[str, Any]) -> ForeignModel | None:
    """Import a file of torch in one of the layouts; None for other files. CheckpointError if it does not fit."""
    if not recognise_file(path).is_torch:
        return None
    loaded = read_torch(path)
    try:
        return next((model for read in LAYOUTS if (model := read(loaded, path, options)) is not None), None)
    except SeqshellError as error:
        raise type(error)(f"{path.name}: {error.message}") from None
