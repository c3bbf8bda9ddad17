"""A text, and checkpoints of untrained language models that read it."""

from __future__ import annotations

from pathlib import Path

import torch

from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.host import Registry, resolve
from seqshell.models.saving import save_checkpoint

TEXT = "abcab cabba\n" * 60  # 720 characters: two blocks of 256 targets and one of 207
VOCABULARY = "\n abc"


def saved(path: Path, registry: Registry, *, bytewise: bool = False, dtype: str = "float32") -> Path:
    tokenizer = ByteTokenizer() if bytewise else CharTokenizer(VOCABULARY)
    architecture = registry.lookup("architecture", "lstm")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = resolve(architecture.config)(vocab_size=tokenizer.size, embed_size=5, hidden_size=9, num_layers=2)
        module = resolve(architecture.model)(config)
        for parameter in module.parameters():
            parameter.data.mul_(1.5)  # makes the state matter
    return save_checkpoint(
        path, architecture="lstm", module=module, tokenizer=tokenizer, dtype=dtype, registry=registry
    )  # type: ignore[arg-type]
