"""Words with tags: files of them and lines of Python, the split, the baseline and the metrics."""

from __future__ import annotations

import pytest

from seqshell.core.errors import RecipeError
from seqshell.training.data.python_code import tagged_lines
from seqshell.training.tagging.baseline import MostFrequentTags, baseline_tags
from seqshell.training.tagging.columns import LONGEST, TagColumns, TaggedSentence, read_sentences
from seqshell.training.tagging.data import TaggedText, checked, folds, split_tagged
from seqshell.training.tagging.metrics import entity_metrics, tag_metrics

CONLL2003 = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER
# # I-NP O
"""
CONLLU = """# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
2.1\tx\tx\tX\tX\t_\t_\t_\t_\t_
3\tmar azul\tmar\tNOUN\tN\t_\t1\tobl\t_\t_

# sent_id = 2
1\t#\t#\tSYM\tS\t_\t0\troot\t_\t_
"""


def read(text, **columns):
    return [
        (" ".join(each.words), " ".join(each.tags), each.line)
        for each in read_sentences("a", text, TagColumns(**columns))
    ]


def test_the_first_and_the_last_column_of_conll_are_read_without_documents():
    assert read(CONLL2003) == [("EU rejects", "I-ORG O", 3), ("Peter Blackburn #", "I-PER I-PER O", 6)]
    assert read(CONLL2003, tag=2)[0] == ("EU rejects", "NNP VBZ", 3)


def test_conllu_has_forms_and_universal_tags_without_comments_and_words_that_are_not_one():
    assert read(CONLLU) == [("vamos nos mar azul", "VERB PRON NOUN", 4), ("#", "SYM", 10)]
    assert read(CONLLU, word=3, tag=5)[0] == ("ir nosotros mar", "V P N", 4)


def test_a_table_of_words_and_tags_is_read():
    assert read("a b\tX\nc\tY\n\n\n\nd\tX") == [("a b c", "X Y", 1), ("d", "X", 6)]


def test_a_very_long_sentence_is_divided():
    found = read_sentences("a", "w\tT\n" * (LONGEST + 2), TagColumns())

    assert [len(each.words) for each in found] == [LONGEST, 2]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("word\nword\n", {}, "a has one column; a file with tags has a word and its tag in each line"),
        ("# only\n", {}, "a has one column"),
        ("w X\nv Y\n", {"tag": 3}, "a has 2 columns, so data.tag_column cannot be 3"),
        ("w X\nv Y\n", {"word": 9}, "a has 2 columns, so data.word_column cannot be 9"),
        ("w\tX\n\nv\nu\tX\n", {}, "a, line 3: a word and its tag are missing: 1 of 2 columns"),
        ("w\tX\nv\t \n", {}, "a, line 2: a word and its tag are missing"),
        ("-DOCSTART- O\n", {}, "a has no words with tags"),
    ],
)
def test_what_is_missing_is_named_with_its_line(text, columns, message):
    with pytest.raises(RecipeError) as caught:
        read(text, **columns)
    assert message in caught.value.message


def test_the_words_of_a_program_are_tagged_by_its_tokens():
    source = (
        b"import os.path\nclass A(B):\n    def f(self, x=1):  # why\n"
        b'        """No."""\n        return self.g(x.y, k=2) @ z\n\nasync def h(): ...\n'
    )
    found = ["/".join(map(" ".join, zip(*line, strict=True))) for line in tagged_lines(source)]

    assert found == [
        "import os.path/keyword module",
        "class A ( B ) :/keyword class operator name operator operator",
        "def f ( self , x = 1 ) : # why/keyword function operator parameter operator parameter operator number"
        " operator operator comment comment",
        '""" No . """/string string string string',
        "return self.g ( x.y , k = 2 ) @ z/keyword call operator attribute operator parameter operator number"
        " operator operator name",
        "async def h ( ) : .../keyword keyword function operator operator operator operator",
    ]


def text(*sentences):
    """Sentences as in "the/D cat/N"."""
    pairs = [[word.split("/") for word in each.split()] for each in sentences]
    return TaggedText("t", "", tuple(TaggedSentence(*zip(*each, strict=True), 1) for each in pairs))


def test_equal_sentences_are_on_one_side_of_the_split():
    whole = text(*[f"a/X b{number % 10}/Y" for number in range(40)])
    training, validation = split_tagged(whole, 0.2)

    assert (len(training.sentences), len(validation.sentences), whole.num_words) == (32, 8, 80)
    assert not {each.words for each in training.sentences} & {each.words for each in validation.sentences}
    assert split_tagged(whole, 0.2) == (training, validation)
    assert len({(each.words, fold) for each, fold in zip(whole.sentences, folds(whole, 3), strict=True)}) == 10
    with pytest.raises(RecipeError, match="t has only one sentence"):
        split_tagged(text("a/X", "a/X"), 0.5)
    with pytest.raises(RecipeError, match="t has only the tag 'X'; a tagger needs at least two"):
        checked(text("a/X b/X"))


def test_the_baseline_gives_each_word_its_most_frequent_tag():
    known = MostFrequentTags(text("can/V can/N can/V", "the/D", "old/J").sentences)

    assert known.predict(["can", "the", "never"]) == ["V", "D", "D"]  # D is the first tag of a word that occurs once
    assert ("can" in known, "never" in known) == (True, False)
    assert MostFrequentTags(text("a/X a/X b/Y b/Y b/Y").sentences).predict(["c"]) == ["Y"]
    assert baseline_tags(text("can/N"), text("can/V can/V")) == [["V"]]


def test_a_cross_validated_baseline_does_not_see_the_sentence_itself():
    assert baseline_tags(text("a/X", "a/Y", "b/X"), None)[2] in (["X"], ["Y"])
    assert baseline_tags(text("a/X"), None) == [["X"]]  # nothing else is known


def test_entities_count_if_type_and_words_are_right():
    """The example of seqeval: 1 of 2 entities of the first sentence, and the one of the second."""
    true = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    guess = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]

    assert tag_metrics(true, guess) == {"accuracy": 0.8, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert entity_metrics(true, guess) == [
        {"type": "MISC", "entities": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0},
        {"type": "PER", "entities": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0},
    ]
    assert entity_metrics([["B-X"]], [["O"]]) == [
        {"type": "X", "entities": 1, "precision": None, "recall": 0.0, "f1": 0.0}
    ]
    assert tag_metrics([["N", "V"]], [["N", "N"]]) == {"accuracy": 0.5}
