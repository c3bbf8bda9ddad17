"""Undamaged checkpoints of all built-in architectures, and sessions on them: tiny ones, which open in milliseconds."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqshell.core import paths
from seqshell.core.model import Model, Series, SeriesScale
from seqshell.core.plugin_api import build
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.host import Registry, resolve
from seqshell.models.opening import open_model
from seqshell.models.saving import save_checkpoint
from seqshell.testing import shell_for

TEXT = "the cat sees the dog . the dog sees a cat . a cat is not a dog , and the dog is no cat .\n" * 3
TOKENIZERS = {
    "char": CharTokenizer.train([TEXT]),
    "byte": ByteTokenizer(),
    "word": WordTokenizer.train([TEXT]),
    "whitespace": WhitespaceTokenizer.train([TEXT]),
    "bpe": BPETokenizer.train([TEXT], vocab_size=60),
    "special char": CharTokenizer.train([TEXT], specials=True),
    "special word": WordTokenizer.train([TEXT], specials=True),
    "special bpe": BPETokenizer.train([TEXT], vocab_size=60, specials=True),
}
SERIES = Series(("load", "OT"), (1.0, 20.0), (0.5, 3.0), "date", ((1.0, 20.0), (1.5, 23.0)), (0.1, 0.5, 0.9), 4)
SMALL = {"embed_size": 6, "encoder_size": 4, "hidden_size": 8, "attention_size": 4, "num_layers": 1}
# Name -> architecture, tokenizers (of the output, and of the source), and settings of its config.
MODELS: Mapping[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "rnn": ("rnn", ("byte",), {"num_layers": 2}),
    "lstm": ("lstm", ("char",), {"num_layers": 2, "residual": True, "layer_norm": True}),
    "gru": ("gru", ("bpe",), {"tied": True, "embed_size": 8}),
    "one-hot": ("gru", ("char",), {"embed_size": 0}),
    "elman": ("elman", ("char",), {}),
    "elman-i2o": ("elman", ("word",), {"form": "i2o", "nonlinearity": "relu"}),
    "lstm-cell": ("lstm_cell", ("whitespace",), {"num_layers": 2}),
    "gru-cell": ("gru_cell", ("char",), {"reset": "before"}),
    "ngram": ("ngram", ("char",), {"order": 3}),
    "kneser": ("ngram", ("word",), {"order": 2, "smoothing": "modified_kneser_ney"}),
    "maxent": ("maxent", ("char",), {"table_size": 50, "order": 3}),
    "neural-ngram": ("neural_ngram", ("char",), {"order": 3}),
    "seq2seq": ("seq2seq", ("special word", "special bpe"), {"cell": "gru", "feed_context": True}),
    "attention": ("attention_seq2seq", ("special word", "special word"), {"shared_embedding": True, "tied": True}),
    "additive": (
        "attention_seq2seq",
        ("special bpe", "special char"),
        {"attention": "additive", "placement": "before", "cell": "rnn", "encoder_layers": 2},
    ),
    "tagger": ("tagger", ("special char",), {"num_layers": 2}),
    "bidirectional-tagger": ("bidirectional_tagger", ("special bpe",), {"cell": "gru"}),
    "classifier": ("classifier", ("special char",), {"pooling": "last+max", "ngrams": 2, "ngram_slots": 64}),
    "bidirectional": ("bidirectional_classifier", ("special word",), {"pooling": "attention", "cell": "gru"}),
    "linear": ("classifier", ("special word",), {"linear_ngrams": 2, "linear_size": 100}),
    "forecaster": ("forecaster", (), {"horizon": 4, "quantiles": 3, "linear_window": 5}),
    "window": ("forecaster", (), {"horizon": 4, "quantiles": 3, "window": 6, "segment": 3}),
    "several-series": ("forecaster", (), {"horizon": 4, "quantiles": 3, "cell": "lstm"}),
}
SHIPPED = ("oil-temperature", "python-docs", "names", "shakespeare", "english-french")

LINES: Mapping[Task, tuple[str, ...]] = {
    Task.GENERATE: (
        "/set max_tokens 5",
        "the cat",
        "/branch other",
        "a dog",
        "/undo",
        "/regen 2",
        "/sampler mirostat",
        "dog",
    ),
    Task.TRANSLATE: ("/set max_tokens 5", "the cat .", "/strategy beam", "a dog", "/undo", "a cat"),
    Task.CLASSIFY: ("the cat", "a dog sees", "/undo"),
    Task.TAG: ("the cat", "a dog sees", "/undo"),
    Task.FORECAST: ("/feed 1 20 1.5 23 0.5 17", "/forecast 3", "2 20", "/undo"),
}


@dataclass(frozen=True)
class Original:
    """An undamaged file. model: the opened model; of a session, the one that it needs."""

    data: bytes
    model: Model
    is_session: bool


def originals(registry: Registry) -> dict[str, Original]:
    """All undamaged files by name; the sessions end with -session."""
    torch.set_num_threads(1)  # threads take longer than models as small as these
    found: dict[str, Original] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in MODELS:
            _write_model(name, Path(f"{name}.safetensors"), registry)
            found |= _opened(name, Path(f"{name}.safetensors"), registry)
        for name in SHIPPED:
            path = paths.shipped() / f"{name}.safetensors"
            found |= {name: Original(path.read_bytes(), open_model(path, registry), False)}
    return found


def _write_model(name: str, path: Path, registry: Registry) -> None:
    architecture, tokenizers, settings = MODELS[name]
    offered = registry.architectures[architecture]
    config_type = resolve(offered.config)
    sizes: dict[str, Any] = {key: value for key, value in SMALL.items() if key in config_type.__dataclass_fields__}
    parts: dict[str, Any] = {}
    if offered.task == Task.FORECAST:
        scales = tuple(SeriesScale(each, (1.0, 20.0), (0.5, 3.0)) for each in "ab") if name == "several-series" else ()
        series = Series(**{**vars(SERIES), "scales": scales, "series_column": "place" if scales else ""})
        sizes["num_features"], parts["series"] = 2, series
    else:
        output, *sources = (TOKENIZERS[each] for each in tokenizers)
        parts = {"tokenizer": output, **({"source_tokenizer": sources[0]} if sources else {})}
        size_of_output = "target_vocab_size" if sources else "vocab_size"
        sizes |= {size_of_output: output.size, **({"source_vocab_size": sources[0].size} if sources else {})}
    if offered.task in (Task.CLASSIFY, Task.TAG):
        sizes["num_classes"], parts["labels"] = 3, ("cat", "dog", "neither")
    torch.manual_seed(0)
    module = resolve(offered.model)(build(config_type, {**sizes, **settings}))
    if hasattr(module, "count"):
        module.count(torch.tensor(parts["tokenizer"].encode(TEXT)))
    if settings.get("linear_ngrams"):
        keys = np.unique(np.random.default_rng(0).integers(0, 2**30, 10))
        module.linear.load_state_dict(
            {"keys": torch.from_numpy(keys), "weights": torch.ones(len(keys), 3), "bias": torch.zeros(3)}
        )
    save_checkpoint(
        path, architecture=architecture, module=module, registry=registry, data="sentences", about="a tiny model",
        examples=("the cat",), defaults={"strategy": "sample", "sampler": "temperature=0.8", "max_tokens": 5}, **parts,
    )  # fmt: skip


def _opened(name: str, path: Path, registry: Registry) -> dict[str, Original]:
    """The checkpoint and a session on it."""
    model = open_model(path, registry)
    shell = shell_for(model, seed=3)
    for line in LINES[model.task]:
        for _ in shell.handle(line):
            pass
    shell.session.save(saved := path.with_name(f"{name}-session.safetensors"))
    return {
        name: Original(path.read_bytes(), model, False),
        f"{name}-session": Original(saved.read_bytes(), model, True),
    }
