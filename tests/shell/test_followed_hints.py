"""What an error or a move suggests: each is produced, and the suggested line runs as it is shown."""

from __future__ import annotations

import importlib.util
from itertools import takewhile

import pytest

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Moved
from seqshell.shell.shell import Shell
from seqshell.testing import (
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_translation_checkpoint,
)

TINY, FRENCH, LABELS, SERIES = "tiny", "english-french", "sentiment", "oil-temperature"

# The current model, the lines before, the line that fails, what its error says, and the line that follows it.
FOLLOWED = [
    (TINY, "", "/und", "did you mean /undo?", "/undo"),
    (TINY, "", "/zzzzzz", "//text sends a text with a slash", "//abc"),
    (TINY, "", "/set max_token 4", "did you mean max_tokens?", "/set max_tokens 4"),
    (TINY, "", "/set zzzzzz", "/set lists them", "/set"),
    (TINY, "", "/strategy greddy", "did you mean greedy?", "/strategy greedy"),
    (TINY, "", "/strategy beam with=4", "did you mean width?", "/strategy beam width=4"),
    (TINY, "", "/strategy zzzzzz", "available: greedy, sample, beam, diverse_beam", "/strategy diverse_beam"),
    (TINY, "", "/sampler temprature=1", "did you mean temperature?", "/sampler temperature=1"),
    (TINY, "", "/sampler -top_k", "top_k is not in the chain, which is temperature=0.8", "/sampler -temperature"),
    (TINY, "", "/sampler repeat_penalty=1,windw=3", "did you mean window?", "/sampler repeat_penalty=1,window=3"),
    (TINY, "", "/regen temperature=", "/regen temperature=0.5,1,1.5", "/regen temperature=0.5,1,1.5"),
    (TINY, "", "/checkout mian", "did you mean main?", "/checkout main"),
    (TINY, "/branch b", "/branch main", "/checkout main switches to it", "/checkout main"),
    (TINY, "/branch b|/checkout main", "/drop main", "/checkout another one first", "/checkout b"),
    (TINY, "", "/load english-frensh", "did you mean english-french?", "/load english-french"),
    (TINY, "", "/load ./tiny", "did you mean tiny?", "/load tiny"),
    (TINY, "/save lesson", "/restore lessn", "did you mean lesson?", "/restore lesson"),
    (
        TINY,
        "/save ./a.safetensors",
        "/translate -m ./a.safetensors a",
        "is a saved session, not a model; /restore /",
        "/restore ./a.safetensors",
    ),
    (TINY, "", "/restore ./tiny.safetensors", "/load ./tiny.safetensors", "/load ./tiny.safetensors"),
    (TINY, "", "xyz", "/set unknown skip leaves such characters out", "/set unknown skip|xyz"),
    (TINY, "", "xyz", "see /info", "/info"),
    (TINY, "", "/record off", "/record FILE starts one", "/record a.seq|/record off"),
    (TINY, "", "/attention", "use /translate TEXT first", "/translate i love you"),
    (TINY, "", "/feed @zzz", "for a text that starts with @, write @@", "/feed @@"),
    (TINY, "", "/translate --prefx je i love you", "did you mean --prefix?", "/translate --prefix je i love you"),
    (TINY, "", "/translate --al", "after -- everything is text", "/translate -- i love you"),
    (TINY, "", "/seed abc", "/reseed abc starts a text with it", "/reseed abc"),
    (TINY, "", "/text -o a.docx", "use .html, .svg, .png or .pdf for a picture", "/text -o a.html"),
    (TINY, "", "/forecast --example -o a.png", ".json and .txt work without", "/forecast --example -o a.txt"),
    (TINY, "", "/forecast", "such as 10 10.5", "/load oil-temperature|10 10.5"),
    (TINY, "", "/forecast", "/forecast --example begins with", "/forecast --example"),
    (TINY, "", "/forecast --example 99", "/forecast 4, or /set horizon 4", "/forecast --example 4"),
    (TINY, "", "/translate -m tiny i", "/models lists the tasks", "/models"),
    (TINY, "/close tiny", "abc", "/load NAME opens one and /models lists them", "/models|/load tiny|abc"),
    (TINY, "/close tiny", "/set top_k 4", "/load NAME opens one", "/load tiny|/set top_k 4"),
    (TINY, "", "/train phrase", "did you mean phrases?", "/recipes"),
    (TINY, "", "/train tiny.txt epochs=1", "did you mean training.epochs?", "/recipes"),
    (FRENCH, "", "/score i love you", "usage: /score SOURCE => TARGET", "/score i love => tu"),
    (
        FRENCH,
        "/strategy greedy|/set nbest 5",
        "i love you",
        "use a search such as /strategy beam",
        "/strategy beam|i love you",
    ),
    (
        LABELS,
        "",
        "/set temperature 1",
        "is for language models and translation models",
        "/load tiny|/set temperature 1",
    ),
    (LABELS, "", "/continue", "sentiment has the task classify", "/load tiny|/continue"),
    (SERIES, "", "/set horizon 99|/forecast --example", "/forecast 4, or /set horizon 4", "/forecast --example 4"),
    (SERIES, "", "warm", "such as 10 10.5", "10 10.5"),
]


@pytest.fixture
def shell(registry, folder, monkeypatch):
    """A shell without matplotlib on a tiny model that has answered; a model of each task is in the user's folder."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    tiny_checkpoint(models / "tiny.safetensors", "\n abcdefgh/@", defaults={"sampler": "temperature=0.8"})
    tiny_checkpoint(folder / "tiny.safetensors")
    tiny_translation_checkpoint(models / f"{FRENCH}.safetensors", seed=3)
    tiny_classification_checkpoint(models / f"{LABELS}.safetensors")
    tiny_forecast_checkpoint(models / f"{SERIES}.safetensors")
    (folder / "tiny.txt").write_text("abc " * 200)
    shell = Shell(registry)
    shell.settings.set("max_tokens", 4)
    shell.open(TINY)
    list(shell.handle("abc"))
    return shell


def send(shell, lines):
    for line in filter(None, lines.split("|")):
        list(shell.handle(line))


@pytest.mark.parametrize(("model", "before", "line", "said", "followed"), FOLLOWED)
def test_what_an_error_suggests_runs(shell, model, before, line, said, followed):
    if model != TINY:
        send(shell, f"/load {model}")
    send(shell, before)
    with pytest.raises(SeqshellError) as caught:
        send(shell, line)
    error = caught.value
    assert said in f"{error.message}; {error.hint}"
    send(shell, followed)


@pytest.mark.parametrize(
    "line",
    [
        "/undo",
        "/undo 2t",
        "/rewind 1",
        "/reset",
        "/reseed ab",
        "/branch b",
        "/undo|/redo",
        "/regen|/checkout main",
        "/undo 2",
    ],
)
def test_the_way_back_after_a_move_leads_back(shell, line):
    send(shell, "abd")
    *before, last = line.split("|")
    send(shell, "|".join(before))
    was = shell.session.text().text
    (moved,) = (event for event in shell.handle(last) if isinstance(event, Moved))
    path = " ".join(takewhile(lambda word: word not in ("restores", "goes", "removes"), moved.undo_path.split()))
    assert path.startswith("/")
    send(shell, path)
    assert shell.session.text().text == was
