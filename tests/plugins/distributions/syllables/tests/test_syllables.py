import json

import pytest
import seqshell_syllables
from seqshell_syllables.tokenizer import Syllables, split

from seqshell import CheckpointError, VocabularyError
from seqshell.testing import check_tokenizer, failed, run, shell_for, tiny_classification_model, tiny_model

TEXT = "Row, row, row your boat, gently down the stream;\nmerrily, merrily, merrily, merrily, life is but a dream.\n"
RECIPE = """
task = "generate"
architecture = "gru"
[data]
text = "rhyme.txt"
[tokenizer]
name = "syllables"
min_freq = 2
[model]
embed_size = 8
hidden_size = 16
num_layers = 1
[training]
epochs = 1
batch_size = 4
sequence_length = 16
"""


def test_the_tokenizer_passes_all_checks():
    assert not failed(check_tokenizer(Syllables))


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("hello", "hel lo"),
        ("tomorrow", "to mor row"),
        ("strength", "strength"),
        ("merrily", "mer ri ly"),
        ("MUSIC", "MU SIC"),
        ("Äpfel", "Äp fel"),
        ("hm 42!", "hm _ 4 2 !"),
        ("", ""),
    ],
)
def test_texts_are_divided_into_syllables(text, syllables):
    assert split(text) == syllables.replace("_", "\0").replace(" ", "|").replace("\0", " ").split("|") * bool(text)


@pytest.mark.parametrize("specials", [False, True])
@pytest.mark.parametrize("text", [TEXT, "a mermaid, but gentler", "\n \n", "rowrowrow", ""])
def test_joined_pieces_equal_the_text(text, specials):
    tokenizer = Syllables.train([TEXT, "a mermaid, but gentler"], specials=specials)

    assert b"".join(map(tokenizer.piece, tokenizer.encode(text))).decode() == text


def test_frequent_syllables_are_tokens_and_others_are_spelt():
    tokenizer = Syllables.train([TEXT])

    assert [tokenizer.piece(token).decode() for token in tokenizer.encode("merrily rowing")] == [
        "mer",
        "ri",
        "ly",
        " ",
        "r",
        "o",
        "w",
        "i",
        "n",
        "g",
    ]
    assert tokenizer.tokens == (*sorted(set(TEXT)), "ly", "mer", "ri", "row")  # syllables that occur at least twice


def test_to_json_and_from_json_are_inverse():
    for specials in (False, True):
        tokenizer = Syllables.train([TEXT], specials=specials, min_freq=3)
        again = Syllables.from_json(json.loads(json.dumps(tokenizer.to_json())))

        assert (again.size, again.encode(TEXT), again.pad, again.unk) == (
            tokenizer.size,
            tokenizer.encode(TEXT),
            tokenizer.pad,
            tokenizer.unk,
        )


@pytest.mark.parametrize(
    "data", [{}, {"tokens": []}, {"tokens": ["a", "a"]}, {"tokens": ["a", 1]}, {"tokens": ["a"], "specials": "yes"}]
)
def test_invalid_json_is_refused(data):
    with pytest.raises(CheckpointError, match="the tokenizer syllables needs"):
        Syllables.from_json(data)


def test_min_freq_and_vocab_size_limit_the_tokens():
    every, few = Syllables.train([TEXT], min_freq=1), Syllables.train([TEXT], min_freq=1, vocab_size=27)

    assert few.tokens == every.tokens[:27] == (*sorted(set(TEXT)), "ly", "mer", "ri")
    assert len(every.encode(TEXT)) == 55
    with pytest.raises(ValueError, match="at least"):
        Syllables.train([TEXT], vocab_size=10)


def test_unknown_characters_are_an_error_or_unk():
    with pytest.raises(VocabularyError) as caught:
        Syllables.train([TEXT]).encode("a zebra")
    assert caught.value.positions == (2,)

    tokenizer = Syllables.train([TEXT], specials=True)
    assert tokenizer.encode("zz") == [tokenizer.unk] * 2


def test_models_generate_and_classify_with_the_tokenizer():
    shell = shell_for(tiny_model(tokenizer=Syllables.train([TEXT])), plugins=[seqshell_syllables])
    answer = "".join(event.text for event in shell.handle("merrily"))
    assert shell.session.text().text == "merrily" + answer

    classifier = tiny_classification_model(tokenizer=Syllables.train([TEXT], specials=True))
    (label,) = run(["merrily"], model=classifier, plugins=[seqshell_syllables])
    assert sum(prob for _, prob in label.probs) == pytest.approx(1)


def test_a_recipe_trains_with_it_and_the_checkpoint_can_be_opened(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rhyme.txt").write_text(TEXT * 20, "utf-8")
    (tmp_path / "rhyme.toml").write_text(RECIPE, "utf-8")
    shell = shell_for(plugins=[seqshell_syllables])
    list(shell.handle("/train rhyme.toml"))
    answer = [event.text for event in shell.handle("merrily")]

    again = shell_for(plugins=[seqshell_syllables])
    list(again.handle("/load rhyme"))
    assert again.session.model.tokenizer.tokens == Syllables.train([TEXT * 18]).tokens
    assert [event.text for event in again.handle("merrily")] == answer
