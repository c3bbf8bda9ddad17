"""The exporters of the modern language models, as plain PyTorch and as ONNX graphs of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqshell.exporting import PlainModel
from seqshell_modern.config import RWKV7Config
from seqshell_modern.exported_cells import block_code
from seqshell_modern.exported_model import ExportedModel, Weights
from seqshell_modern.exported_rwkv7 import block_classes, layer_parts, layer_step
from seqshell_modern.exported_steps import block_step, state_parts
from seqshell_modern.numpy_mamba2 import Mamba2Decoder
from seqshell_modern.numpy_min_cells import MinGRUDecoder, MinLSTMDecoder
from seqshell_modern.numpy_mlstm import MLSTMDecoder
from seqshell_modern.numpy_rg_lru import RGLRUDecoder
from seqshell_modern.numpy_rwkv7 import RWKV7Decoder
from seqshell_modern.numpy_slstm import SLSTMDecoder


def _exporter(name: str, title: str, decoder: Callable[[Any, Weights], Any]) -> Callable[[Any, Weights], PlainModel]:
    """The exporter of an architecture whose blocks are a cell and an MLP. decoder: checks the weights."""

    def export(config: Any, weights: Weights) -> PlainModel:
        decoder(config, weights)
        return ExportedModel(
            config,
            weights,
            about=f"{title} with {_units(config)}.",
            parts=state_parts(name, config),
            classes=block_code(name, config, weights),
            step=block_step(name, config),
        ).model()

    return export


export_mingru = _exporter("mingru", "minGRU", MinGRUDecoder)
export_minlstm = _exporter("minlstm", "minLSTM", MinLSTMDecoder)
export_rg_lru = _exporter("rg_lru", "RG-LRU", RGLRUDecoder)
export_slstm = _exporter("slstm", "sLSTM", SLSTMDecoder)
export_mlstm = _exporter("mlstm", "mLSTM", MLSTMDecoder)
export_mamba2 = _exporter("mamba2", "Mamba-2", Mamba2Decoder)


def export_rwkv7(config: RWKV7Config, weights: Weights) -> PlainModel:
    """rwkv7, whose blocks have LayerNorms and get the values of the first one."""
    RWKV7Decoder(config, weights)
    return ExportedModel(
        config,
        weights,
        about=f"RWKV-7 with {_units(config)}.",
        parts=layer_parts(config),
        classes=block_classes(config, weights),
        step=layer_step(config),
        blocks="Block(layer) for layer",
        norm="LayerNorm",
        passes=True,
    ).model()


def _units(config: Any) -> str:
    heads = getattr(config, "num_heads", 0)
    return f"{heads} heads of {config.head_size} units" if heads else f"{config.hidden_size} units"
