"""Language models with recurrent cells of 2024 and 2025, which train in parallel over time."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Lazy, Task


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """Offer the architectures. torch and numpy are imported when one is first used."""
    for name, module, config, prefix, summary in (
        ("mingru", "min_cells", "Minimal", "MinGRU", "minGRU (Feng et al. 2024), whose gates see only the input"),
        ("minlstm", "min_cells", "Minimal", "MinLSTM", "minLSTM (Feng et al. 2024), whose gates see only the input"),
        ("rg_lru", "rg_lru", "RGLRU", "RGLRU", "the gated linear recurrent unit of Griffin (De et al. 2024)"),
        ("mlstm", "mlstm", "Headed", "MLSTM", "the matrix memory of xLSTM (Beck et al. 2024)"),
        ("slstm", "slstm", "Headed", "SLSTM", "the scalar memory of xLSTM (Beck et al. 2024)"),
        ("mamba2", "mamba2", "Mamba2", "Mamba2", "the selective state space model of Mamba-2 (Dao & Gu 2024)"),
        ("rwkv7", "rwkv7", "RWKV7", "RWKV7", "RWKV-7, with a delta rule for its memory (Peng et al. 2025)"),
    ):
        yield Architecture(
            name,
            Task.GENERATE,
            config=f"seqshell_modern.config:{config}Config",
            model=f"seqshell_modern.{module}:{prefix}LanguageModel",
            decoder=f"seqshell_modern.numpy_{module}:{prefix}Decoder",
            summary=summary,
            export=f"seqshell_modern.exporting:export_{name}",
        )


@seqshell.hookimpl
def seqshell_importers() -> Iterator[Lazy]:
    """Offer mamba2: weights of Mamba-2 as Hugging Face names them."""
    yield Lazy("mamba2", "seqshell_modern.mamba2_importer:read_mamba2")
