"""The baselines of models that answer a text with a text."""

from seqshell.training.translation.baselines import lead, most_frequent, nearest

SOURCES = ("open the file", "close the file", "open the window of the house", "sing")
ANSWERS = ("opens", "closes", "opens", "sings")
OTHERS = ("Please open a window. Now!", "close it", "nothing known")


def test_the_most_frequent_answer_is_given_to_all() -> None:
    assert most_frequent(SOURCES, ANSWERS, OTHERS[:2]) == ["opens", "opens"]


def test_the_lead_is_the_first_sentence_or_the_whole_source() -> None:
    assert lead(SOURCES, ANSWERS, OTHERS[:2]) == ["Please open a window.", "close it"]


def test_the_nearest_source_shares_the_rarest_words() -> None:
    assert nearest(SOURCES, SOURCES, OTHERS) == [SOURCES[2], SOURCES[1], SOURCES[0]]
    assert nearest(SOURCES, ANSWERS, SOURCES) == list(ANSWERS)
