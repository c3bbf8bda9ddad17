"""Small files of each kind that a user names or keeps, and recipes for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.campaigns.originals import TEXT

SENTENCES = ["the cat sees the dog .", "a dog is not a cat .", "the dog sees a cat .", "no cat is a dog ."] * 6
DATA: Mapping[str, bytes] = {
    "text.txt": (TEXT * 5).encode(),
    "pairs.tsv": "\n".join(f"{line}\t{line.replace('the', 'le')}" for line in SENTENCES).encode(),
    "tags.conll": b"\n".join(b"the\tD\n%s\tN\nsat\tV\n" % word for word in (b"cat", b"dog", b"old log", b"mat") * 3),
    "classes.csv": b"text,label\n"
    + "\n".join(f'"{line}",{"cat" if number % 2 else "dog"}' for number, line in enumerate(SENTENCES)).encode(),
    "series.csv": b"date,load,OT\n"
    + "\n".join(
        f"2020-01-{hour // 24 + 1:02} {hour % 24:02}:00,{hour % 7},{hour % 24 + hour / 100}" for hour in range(192)
    ).encode(),
}
TRAINING = {"epochs": 1, "batch_size": 4, "precision": "float32", "sample_length": 4, "sample_every": 0}
RECIPES: Mapping[str, dict[str, Any]] = {
    "text": {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "text.txt"},
        "model": {"embed_size": 4, "hidden_size": 6, "num_layers": 1},
        "training": {**TRAINING, "sequence_length": 16},
        "defaults": {"sampler": "temperature=0.8", "examples": ["the "], "about": "cats"},
    },
    "pairs": {
        "task": "translate",
        "architecture": "attention_seq2seq",
        "data": {"pairs": "pairs.tsv"},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 4, "hidden_size": 6, "encoder_size": 4},
        "training": TRAINING,
    },
    "classes": {
        "task": "classify",
        "architecture": "classifier",
        "data": {"table": "classes.csv"},
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": TRAINING,
    },
    "tags": {
        "task": "tag",
        "architecture": "tagger",
        "data": {"tags": "tags.conll"},
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": TRAINING,
    },
    "series": {
        "task": "forecast",
        "architecture": "forecaster",
        "data": {"table": "series.csv", "columns": ["load", "OT"], "time_column": "date"},
        "model": {"hidden_size": 6, "horizon": 4},
        "training": {**TRAINING, "sequence_length": 16},
    },
}
SMALL = [f"training.{key}={value}" for key, value in TRAINING.items()]
SMALL_MODEL = {
    "text.txt": ["model.hidden_size=6", "model.embed_size=4", "model.num_layers=1", "training.sequence_length=16"],
    "pairs.tsv": ["model.hidden_size=6", "model.embed_size=4", "model.encoder_size=4"],
    "classes.csv": ["model.hidden_size=6", "model.embed_size=4"],
    "tags.conll": ["model.hidden_size=6", "model.embed_size=4"],
    "series.csv": ["model.hidden_size=6", "model.horizon=4", "training.sequence_length=16"],
}
LINES: Mapping[str, tuple[str, ...]] = {
    "generate": ("/feed @{}", "/score @{}", "/reseed @{}", "/source {}"),
    "translate": ("/translate @{}", "/score @{}"),
    "classify": ("/classify @{}", "/classify -o out.csv @{}", "/score @{}"),
    "tag": ("/tag @{}", "/tag -o out.conll @{}"),
    "forecast": ("/feed @{}", "/forecast @{}", "/forecast -o out.csv 3", "/reseed @{}"),
}
CONFIG = b"""[settings]
max_tokens = 5
top_k = 5
temperature = 0.7
repeat_penalty.window = 64
surprisal = true
stop = ["."]
autosave = false
snapshot_mb = 10

[plugins]
disable = ["seqshell_poem"]
"""
MAP = b"""about = "letters"
[tokenizer]
vocabulary = "abcdefg"
[weights]
recurrent = "rnn"
embedding = "encoder"
readout = "decoder"
[config]
nonlinearity = "tanh"
[defaults]
sampler = "temperature=0.8"
"""
