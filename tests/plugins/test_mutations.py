"""The mutations of one correct plugin, in short form; `python -m tests.plugins.mutations` checks and prints all."""

import pytest
from tests.plugins.mutations.__main__ import failures, main
from tests.plugins.mutations.variants import CORRECT, MUTATIONS, text_of


def test_there_are_19_mutations_and_12_correct_plugins_all_different():
    texts = {text_of(changes) for changes in (*MUTATIONS.values(), *CORRECT.values())}

    assert (len(MUTATIONS), len(CORRECT), len(texts)) == (19, 12, 31)
    for text in texts:
        compile(text, "variant.py", "exec")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("chunks of 64 tokens begin without the last embedding", "module: reading in chunks equals reading at once"),
        ("a sampler has random numbers of its own", "by default: the same context gives the same logits"),
    ],
)
def test_the_check_finds_a_mutation(name, rule):
    assert failures(MUTATIONS[name])[0].startswith(rule)


def test_the_check_rejects_no_unusual_plugin_and_counts_what_it_finds(capsys):
    assert main(["a state that grows", "the decoder leaves out a bias"]) == 0

    assert capsys.readouterr().out.splitlines()[-2:] == ["1 of 1 mutations found", "0 of 1 correct plugins rejected"]
