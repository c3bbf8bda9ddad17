"""Batches of sentence pairs: their sizes, their first and last tokens, and how their texts vary."""

from __future__ import annotations

import numpy as np
from tests.training.number_pairs import NUMBERS, PAIRS, prepared, recipe

from seqshell.core.subword_tokenizers import BPETokenizer
from seqshell.training.data.batches import Resplit, group, pair_arrays
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.translation.data import read_sentences


def test_each_pair_is_in_one_batch_and_batches_respect_their_token_limit():
    draws = np.random.default_rng(0)
    targets = [[4] * int(length) for length in draws.integers(1, 30, 200)]
    batches = group(targets, targets, sentences=0, tokens=100, draws=draws)

    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert max(len(batch) * (max(len(targets[row]) for row in batch) + 1) for batch in batches) <= 100
    assert sum(len(batch) * max(len(targets[row]) for row in batch) for batch in batches) < 1.1 * sum(map(len, targets))


def test_batches_have_the_requested_number_of_sentences():
    targets = [[4]] * 10

    assert sorted(map(len, group(targets, targets, sentences=4, tokens=0, draws=np.random.default_rng(0)))) == [2, 4, 4]


def test_a_pair_longer_than_a_batch_is_a_batch_of_its_own():
    targets = [[4] * 50, [4], [4]]

    assert sorted(map(len, group(targets, targets, sentences=0, tokens=10, draws=np.random.default_rng(0)))) == [1, 2]


def test_inputs_start_with_bos_and_targets_end_with_eos():
    source, lengths, inputs, targets = pair_arrays([[7, 8], [9]], [[5], [6, 4]])

    assert source.tolist() == [[7, 8, 2], [9, 2, 0]]
    assert lengths.tolist() == [3, 2]
    assert inputs.tolist() == [[1, 5, 0], [1, 6, 4]]
    assert targets.tolist() == [[5, 2, 0], [6, 4, 2]]


def test_words_are_split_differently_in_each_epoch_and_keep_their_text():
    text = "the cat sat on the mat with the other cats"
    tokenizer = BPETokenizer.train([text] * 4, specials=True, vocab_size=60)
    resplit = Resplit(tokenizer, [text], 0.3, seed=0)
    epochs = [next(resplit.sentences(np.random.default_rng(order))) for order in range(6)]

    assert len(set(map(tuple, epochs))) > 1
    assert {b"".join(map(tokenizer.piece, ids)).decode() for ids in epochs} == {" " + text}
    assert next(Resplit(tokenizer, [text], 0.3, seed=0).sentences(np.random.default_rng(3))) == epochs[3]
    assert next(Resplit(tokenizer, [text], 0.0, seed=0).sentences(np.random.default_rng(3))) == tokenizer.encode(text)


def test_some_sources_are_lowercased_or_lose_their_final_punctuation(tmp_path):
    pairs = [(f"Un et {word} !", f"one and {number}") for word, number in NUMBERS.items()] * 8
    plain = [(source.lower().rstrip(" !"), target) for source, target in pairs]

    def forms(share):
        """(first word, last character) of each source."""
        ready = prepared(tmp_path, [*pairs, *plain], plain_sources=share)
        tokenizer, found = ready.source_tokenizer, set()
        for batch in ready.objective.batches(0):
            texts = [b"".join(map(tokenizer.piece, row)).decode().strip() for row in batch[0].tolist()]
            found |= {(text[:2], text.endswith("!")) for text in texts}
        return found

    assert forms(0.0) == {("Un", True), ("un", False)}
    assert forms(1.0) == {("un", True), ("Un", False), ("un", False)}
    assert forms(0.5) == {("Un", True), ("un", True), ("Un", False), ("un", False)}


def test_extra_pairs_are_copied_into_training_unless_their_source_is_held_out(tmp_path):
    held_out = read_sentences(recipe(tmp_path)).validation
    extra = [("six et six", "six and six"), (held_out.sources[0], "leaked")]
    (tmp_path / "extra.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in extra))
    tables = recipe(tmp_path).tables()
    tables["data"] |= {"extra_pairs": "extra.tsv", "extra_copies": 3}
    sentences = read_sentences(recipe_from(tables, name="numbers", folder=tmp_path))

    assert sentences.validation == held_out
    assert sentences.training.sources[-3:] == ("six et six",) * 3
    assert sentences.training.targets.count("leaked") == 0
    assert len(sentences.training) == len(PAIRS) - len(held_out) + 3
    assert sentences.training.names == ("pairs.tsv", "extra.tsv")
