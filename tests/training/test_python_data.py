"""The data that come with Python: python:docstrings and python:pydoc_data.topics."""

import sysconfig
from pathlib import Path

import pytest

from seqshell.core.errors import RecipeError
from seqshell.training.data.docstrings import documented_functions, parts_of
from seqshell.training.data.file_format import PairFormat
from seqshell.training.data.python_data import make_text
from seqshell.training.recipes.settings import DataSettings
from seqshell.training.translation.data import read_pairs

MODULE = '''
def plain(a, b=1, /, *args, c: int = 2, **more):
    """Add the numbers. And e.g. print
    them.

    >>> plain(1)
    2

    More about it.
    """


class Box:
    async def put(self, item, *, wait):
        """Put an item into the box"""

    @classmethod
    def make(cls):
        """Make a box."""

    def undocumented(self):
        """ """


def outer():
    def inner(x):
        """Make a box."""
'''


@pytest.fixture
def library(tmp_path: Path) -> Path:
    files = {
        "a/__init__.py": MODULE,
        "b.py": 'def twice(x):\n    "It is \\d."\n' * 2,
        "test/c.py": MODULE,
        "broken.py": "def :",
        "other.py": "# -*- coding: nothing -*-",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_documented_function_is_found_once_with_its_parameters(library: Path) -> None:
    with_rest = "Add the numbers. And e.g. print them. More about it."
    assert documented_functions(library) == [
        ("a", "plain(a, b, *args, c, **more)", "Add the numbers.", "And e.g. print them. More about it.", with_rest),
        ("a", "put(item, *, wait)", "Put an item into the box", "", "Put an item into the box"),
        ("a", "make()", "Make a box.", "", "Make a box."),
        ("a", "inner(x)", "Make a box.", "", "Make a box."),
        ("b", "twice(x)", "It is \\d.", "", "It is \\d."),
    ]


@pytest.mark.parametrize(
    ("docstring", "parts"),
    [
        ("", ("", "")),
        (" \n ", ("", "")),
        (">>> 1\n1", ("", "")),
        ("No end", ("No end", "")),
        ("See www.a.b now! Then\nthis.\n\nLast", ("See www.a.b now!", "Then this. Last")),
        ("One\nline\n\nTwo.", ("One line", "Two.")),
    ],
)
def test_a_docstring_is_its_first_sentence_and_the_rest(docstring: str, parts: tuple[str, str]) -> None:
    assert parts_of(docstring) == parts


def test_two_columns_of_the_docstrings_are_pairs(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(library))
    settings = DataSettings(pairs="python:docstrings", source_column="summary", target_column="signature")
    pairs = read_pairs([settings.pairs], format=PairFormat.of(settings))

    assert (pairs.sources[1], pairs.targets[1]) == ("Put an item into the box", "put(item, *, wait)")
    assert (len(pairs), pairs.names) == (5, ("python:docstrings",))


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(
        RecipeError, match=r"python:pydoc_data\.topics, python:docstrings, python:code, python:chatterbot_corpus"
    ):
        make_text("python:os")


CONVERSATIONS = """categories: [a]
conversations:
- - Hello
  - Hi
  - How are
    you?
  - Fine
- [7, 8]
- [Alone]
- - "Empty"
  - ""
- - Who: he
  - Hello
  - Hi
"""


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "chatterbot_corpus"
    (folder / "data" / "english").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder / "data" / "english"


def test_an_answer_follows_a_message_and_the_turns_before_it(corpus: Path) -> None:
    (corpus / "a.yml").write_text(CONVERSATIONS)

    assert make_text("python:chatterbot_corpus.english").splitlines() == [
        "message,dialogue,answer",
        "Hello,Hello,Hi",
        "Hi,Hello / Hi,How are you?",
        "How are you?,Hello / Hi / How are you?,Fine",
        "7,7,8",
        "Who: he,Who: he,Hello",
        "Hello,Who: he / Hello,Hi",
    ]


def test_dialogues_that_are_not_there_are_named(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (corpus / "a.yml").write_text("conversations: 7")
    with pytest.raises(RecipeError, match=r"a\.yml is not a list of conversations"):
        make_text("python:chatterbot_corpus.english")
    with pytest.raises(RecipeError, match="no 'latin'; it has english"):
        make_text("python:chatterbot_corpus.latin")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match="pip install chatterbot-corpus"):
        make_text("python:chatterbot_corpus.english")
