"""docs/plugins/importers.md lists the tensors of each built-in architecture, as their modules have them."""

from pathlib import Path

import pytest

from seqshell.core.plugin_api import build, settings_of
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry

PAGE = (Path(__file__).parents[2] / "docs" / "plugins" / "importers.md").read_text(encoding="utf-8")
REGISTRY = load_registry(Policy(no_plugins=True))
SIZES = {  # distinct, so that a shape shows which sizes it has
    "vocab_size": 59,
    "source_vocab_size": 7,
    "target_vocab_size": 59,
    "num_classes": 3,
    "num_features": 2,
    "embed_size": 11,
    "hidden_size": 13,
    "num_layers": 1,
    "encoder_size": 17,
    "attention_size": 19,
    "horizon": 23,
    "conv_size": 29,
    "mlp_size": 31,
    "num_heads": 43,
    "head_size": 37,
    "state_size": 41,
    "rank": 53,
}
LETTERS = {
    59: "V",
    7: "W",
    3: "C",
    2: "F",
    11: "E",
    13: "H",
    17: "N",
    23: "K",
    29: "J",
    31: "M",
    43: "A",
    37: "P",
    53: "R",
}
MULTIPLES = {
    26: "2 H",
    39: "3 H",
    52: "4 H",
    34: "2 N",
    68: "4 N",
    44: "4 E",
    46: "K F",
    86: "2 A",
    2**20: "table_size",
}
SUMS = {60: "V + 1", 24: "E + H", 47: "H + 2 N", 43 * 37: "A P", 2 * 43 * 37: "2 A P", 43 * 37 + 2 * 41: "A P + 2 Z"}
SUMS |= {2 * 43 * 37 + 2 * 41 + 43: "2 A P + 2 Z + A"}
WORDS = LETTERS | MULTIPLES | SUMS | {1: "1", 4: "4", 6: "6", 0: "any"}


def row(name):
    """The row of the page's table for an architecture with its default settings and one layer."""
    architecture = REGISTRY.lookup("architecture", name)
    config = resolve(architecture.config)
    known = {item.name for item in settings_of(config)}
    module = resolve(architecture.model)(build(config, {key: size for key, size in SIZES.items() if key in known}))
    tensors = (
        f"`{tensor}` [{', '.join(WORDS[size] for size in values.shape)}]"
        for tensor, values in module.state_dict().items()
    )
    return f"| {name} | {', '.join(tensors)} |"


@pytest.mark.parametrize("name", REGISTRY.offers("architecture"))
def test_the_page_lists_the_tensors_of_an_architecture(name):
    assert row(name) in PAGE.splitlines()
