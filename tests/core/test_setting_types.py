"""Settings of tuples, optional and nested types: how they are read and checked, from TOML and from a checkpoint."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

import seqshell
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.model import Architecture
from seqshell.core.nested_settings import flat_settings
from seqshell.core.plugin_api import build
from seqshell.core.tasks import Task
from seqshell.models.building import read_config


@dataclass(frozen=True)
class Block:
    heads: int = seqshell.setting(2, low=1, help="heads of a block")
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Config:
    vocab_size: int = 5
    sizes: tuple[int, ...] = seqshell.setting((4, 4), low=1, high=100, help="of the layers")
    range: tuple[float, float] = (0.0, 1.0)
    names: list[str] = field(default_factory=list)
    limit: int | None = seqshell.setting(None, low=0, help="none: no limit")
    block: Block = field(default_factory=Block)
    other: Block | None = None
    cells: tuple[str, ...] = seqshell.setting(("lstm",), choices=("lstm", "gru"))
    anything: Any = None


ARCHITECTURE = Architecture("nested", Task.GENERATE, config=Config, model=Config)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sizes": [8, 2]}, {"sizes": (8, 2)}),
        ({"sizes": []}, {"sizes": ()}),
        ({"range": [0, 2]}, {"range": (0.0, 2.0)}),
        ({"names": ["x"]}, {"names": ["x"]}),
        ({"limit": 3}, {"limit": 3}),
        ({"limit": "none"}, {"limit": None}),
        ({"block": {"heads": 4, "kind": "b"}}, {"block": Block(4, "b")}),
        ({"other": {"heads": 1}}, {"other": Block(1)}),
        ({"cells": ["gru", "lstm"]}, {"cells": ("gru", "lstm")}),
        ({"anything": {"a": [1]}}, {"anything": {"a": [1]}}),
    ],
)
def test_each_type_is_read_and_comes_back_from_json(values, expected):
    config = build(Config, values)
    assert config == dataclasses.replace(Config(), **expected)
    if "anything" not in values:
        assert read_config(ARCHITECTURE, json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sizes": "abc"}, "Config: sizes must be a list of whole numbers (1 to 100), not 'abc'"),
        ({"sizes": 4}, "Config: sizes must be a list of whole numbers (1 to 100), not 4"),
        ({"sizes": [4, 0]}, "each item of Config: sizes must be 1 to 100, not [4, 0]"),
        ({"range": [1]}, "Config: range must be 2 numbers, not [1]"),
        ({"range": [1, "x"]}, "Config: range must be 2 numbers, not [1, 'x']"),
        ({"names": [1]}, "Config: names must be a list of texts, not [1]"),
        ({"limit": "many"}, "Config: limit must be a whole number or none (at least 0), not 'many'"),
        ({"limit": -1}, "Config: limit must be at least 0, not -1"),
        ({"block": 3}, "Config: block must be a table, not 3"),
        ({"block": {"heads": 0}}, "Config: block: heads must be at least 1, not 0"),
        ({"block": {"kind": "c"}}, "Config: block: kind must be a or b, not 'c'"),
        ({"other": {"wings": 2}}, "Config: other has no setting 'wings'; it has heads, kind"),
        ({"cells": ["rnn"]}, "each item of Config: cells must be lstm or gru, not ['rnn']"),
    ],
)
def test_a_value_of_another_type_is_refused(values, message):
    with pytest.raises(UsageError) as error:
        build(Config, values)
    assert error.value.message == message


@pytest.mark.parametrize(
    "values", [{"sizes": ["4"]}, {"sizes": "44"}, {"limit": "none"}, {"block": {"heads": "2"}}, {"other": 1}]
)
def test_a_checkpoint_has_the_exact_types(values):
    with pytest.raises(CheckpointError):
        read_config(ARCHITECTURE, values)


def test_nested_settings_have_their_path_and_the_default_of_the_whole():
    found = {item.name: (item.default, item.help) for item in flat_settings(Config)}

    assert list(found)[1:7] == ["sizes", "range", "names", "limit", "block.heads", "block.kind"]
    assert found["block.heads"] == (2, "heads of a block")
    assert found["other"] == (None, "")
    assert found["sizes"] == ((4, 4), "of the layers")
