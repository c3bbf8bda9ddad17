"""The shipped models: each has a card and a recipe, contains no path of a machine, and answers well-known lines."""

import re
from pathlib import Path

import pytest

import seqshell
from seqshell.models.file import read_header
from seqshell.models.summary import title

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "checkpoints"
SHIPPED = sorted(FOLDER.glob("*.safetensors"))
CARDS = (FOLDER / "README.md").read_text("utf-8")
MAX_BYTES = {
    "shakespeare": 10_000_000,
    "english-french": 12_000_000,
    "german-english": 20_000_000,
    "names": 8_000_000,
    "sentiment": 8_000_000,
    "oil-temperature": 1_000_000,
    "python-docs": 4_000_000,
    "python-tags": 1_000_000,
}


def test_the_default_models_ship():
    assert {path.stem for path in SHIPPED} == MAX_BYTES.keys()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_model_has_a_card_a_recipe_and_an_acceptable_size(path):
    assert f"\n## {path.stem}\n" in CARDS
    assert (FOLDER / "recipes" / f"{path.stem}.toml").is_file()
    assert path.stat().st_size < MAX_BYTES[path.stem]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_card_contains_the_metric_that_the_shell_shows(path):
    metric = title(path.stem, read_header(path)).split(", ")[-1]
    shown, decimals = re.findall(r"(\d+\.(\d+))", metric)[0]
    row = next(line for line in CARDS.splitlines() if line.startswith(f"| `{path.stem}`"))

    rounding = 0.6 * 10 ** -len(decimals)

    assert any(abs(float(figure) - float(shown)) < rounding for figure in re.findall(r"\d+\.\d+", row)), (metric, row)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_headers_contain_no_path_of_a_machine(path):
    text = repr(read_header(path))
    assert not re.search(r"(?<![\w:/])/\w+/\w+|(?<!\w)[A-Z]:\\\\|~/", text)


@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("english-french", "i love you", "Je t'aime."),
        ("english-french", "Where is the station?", "Où est la gare ?"),
        ("german-english", "Ein Mann spielt Gitarre.", "A man is playing a guitar."),
    ],
)
def test_a_shipped_model_translates(name, text, answer, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    *_, translation = seqshell.open(name).translate(text)
    assert translation.answer == answer


@pytest.mark.parametrize(
    ("greeting", "answers"),
    [
        ("Hello.", {"Bonjour", "Salut"}),
        ("Hello world.", {"Bonjour, le monde", "Bonjour le monde"}),
        ("Good morning.", {"Bonjour"}),
        ("How are you?", {"Comment allez-vous", "Comment vas-tu", "Comment ça va"}),
        ("Thank you.", {"Merci"}),
    ],
)
def test_english_french_translates_greetings_however_they_are_typed(greeting, answers, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    session = seqshell.open("english-french")
    plain = greeting.rstrip(".?")
    for source in (greeting, plain, greeting.lower(), plain.lower()):
        *_, translation = session.translate(source)
        assert translation.answer.rstrip(" .!?") in answers, source


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("names", "Yamamoto", "Japanese"),
        ("names", "Dostoevsky", "Russian"),
        ("sentiment", "what a wonderful film", "positive"),
        ("sentiment", "A dull and predictable film; I want my two hours back.", "negative"),
    ],
)
def test_a_shipped_model_labels(name, text, label, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    assert seqshell.open(name).classify(text).answer == label


def test_the_shipped_forecaster_forecasts_its_example(tmp_path, monkeypatch):
    """A day ahead, it follows the time of day: the example and its forecast are warmest in the afternoon."""
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    session = seqshell.open("oil-temperature")
    session.observe(session.model.series.example)
    forecast = session.forecast(24)

    assert forecast.values.shape == forecast.low.shape == forecast.high.shape == (24, 1)
    assert (forecast.low <= forecast.values).all()
    assert (forecast.values <= forecast.high).all()
    assert 12 <= forecast.values[:, 0].argmax() <= 19  # the example ends with a whole day


def test_the_shipped_word_model_continues_a_text(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    session = seqshell.open("python-docs")
    session.feed("If the class")
    assert len("".join(event.text for event in session.generate(20)).split()) >= 5
