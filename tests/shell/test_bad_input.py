"""Every command answers bad input with one clear line, and leaves the session where it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.shell.bad_inspection import BAD_INSPECTION
from tests.shell.bad_lines import BAD_LINES

from seqshell import SeqshellError
from seqshell.core.state import leaves
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint, tiny_classification_model, tiny_forecast_model, tiny_translation_model

BAD = BAD_INSPECTION | BAD_LINES  # line -> what its error says


@pytest.fixture
def shell(registry, folder):
    """A shell on a tiny model that has answered once, in a folder with files that are not what they seem."""
    for name, text in {
        "weights.pt": "no weights",
        "rubbish.safetensors": "rubbish",
        "notes.txt": "abc " * 200,
        "self.seq": "/source self.seq\n",
        "failing.seq": "/state\n/lod\n",
        "open.seq": '"""\nabc\n',
        "empty.csv": "",
        "deep.json": "[" * 100_000,
        "gap.csv": "x,value\n1,1.5\n2,\n3,\n4,\n5,\n6,2\n",
        "word.csv": "date,value\n2020-01-01,1.5\n2020-01-02,warm\n",
        "other.csv": "when,what\n1,2\n",
    }.items():
        (folder / name).write_text(text)
    shell = Shell(registry)
    shell.open(tiny_checkpoint(folder / "tiny.safetensors"))
    shell.workspace.add(replace(tiny_translation_model(), name="english-french"), background=True)
    shell.workspace.add(replace(tiny_classification_model(), name="sentiment"), background=True)
    shell.workspace.add(replace(tiny_forecast_model(), name="oil-temperature"), background=True)
    (folder / "binary.en").write_bytes(b"i love\xff you\n")
    (folder / "letters.txt").write_text("abZ" * 300)
    for line in ("/set max_tokens 4", "abc", "/state save dropped", "/state drop dropped"):
        list(shell.handle(line))
    return shell


def place_of(session):
    """Where a session is, and everything that an answer depends on."""
    here, text = session.here, session.text()
    state = [leaf.tobytes() for leaf in leaves(here.state)], here.outputs.tobytes(), session.interventions
    return here.node, session.branches(), text, state, session.seed, session.retry, session.chain, session.strategy


@pytest.mark.parametrize("line", BAD)
def test_bad_input_gives_a_one_line_error_and_changes_nothing(shell, folder, line):
    before = place_of(shell.session)

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))

    message = caught.value.message
    assert BAD[line] in message
    assert "\n" not in message
    assert len(message) < 400
    assert not message.removesuffix("...").endswith(".")
    assert message == str(caught.value)
    assert place_of(shell.session) == before
    assert not list(folder.glob("x.*"))


def test_every_command_is_tested_with_bad_input(shell):
    tried = {shell.find_command(line.split()[0]).name for line in BAD}

    assert tried == {shell.registry.commands[name].name for name in shell.registry.commands}


# The same for a model that translates; what stands there is "i love the cat ." and its translation.
BAD_FOR_TRANSLATIONS = {
    "/continue": "/continue is for the task generate; english-french has the task translate",
    "/feed i love you": "/feed is for the task forecast or generate",
    "/reseed i love you": "/reseed is for the task forecast or generate",
    "/score i love you": "usage: /score SOURCE => TARGET",
    "/score => le chat": "usage: /score SOURCE => TARGET",
    "/score i love the cat =>": "usage: /score SOURCE => TARGET",
    "/score \u4eca => le chat": "vocabulary has no part of '\u4eca'",
    "/strategy beam width=1001": "width must be 1 to 1,000, not '1001'",
    "/regen 101": "the number of candidates must be 1 to 100, not 101",
    "/set nbest 0": "nbest must be 1 to 100, not '0'",
    "/set unk maybe": "unk must be on or off, not 'maybe'",
    "\u4eca\u65e5\u306f": "english-french's vocabulary has no part of",
    "/translate": "missing argument",
    "love " * 10_000: "the text has 10,000 tokens",
    "/attention -o /dev/null": "cannot write /dev/null: it is not a regular file",
}


@pytest.mark.parametrize("line", BAD_FOR_TRANSLATIONS, ids=lambda line: line[:40])
def test_bad_input_does_not_change_a_translation(shell, line):
    shell.workspace.use("english-french")
    list(shell.handle("i love the cat ."))
    before = (
        shell.session.text(),
        shell.session.position,
        shell.session.strategy,
        shell.session.attention().source,
        shell.settings.get("nbest"),
    )

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))

    assert BAD_FOR_TRANSLATIONS[line] in caught.value.message
    assert "\n" not in caught.value.message
    session = shell.session
    assert (
        session.text(),
        session.position,
        session.strategy,
        session.attention().source,
        shell.settings.get("nbest"),
    ) == before


# model -> line -> what its error says; a text was labelled, or three values observed
BAD_FOR_OTHER_TASKS = {
    "sentiment": {
        "/continue": "/continue is for the task generate; sentiment has the task classify",
        "/feed good": "/feed is for the task forecast or generate",
        "/regen": "/regen is for the task generate or translate",
        "/strategy beam": "/strategy is for the task generate or translate",
        "/top": "/top is for the task generate or translate",
        "\u4eca": "sentiment's vocabulary has no part of '\u4eca'",
        "/forecast": "oil-temperature has observed nothing yet",
    },
    "oil-temperature": {
        "warm": "'warm' is not a number (value 1)",
        "1.0 warm": "'warm' is not a number (value 2)",
        "1 nan": "'nan' is a missing value (value 2); a series cannot have gaps",
        "1e400": "1e400 is too large (value 1)",
        "/forecast 99": "oil-temperature forecasts 1 to 4 steps, not 99",
        "/continue": "/continue is for the task generate; oil-temperature has the task forecast",
        "/set horizon 0": "horizon must be 1 to 10,000, not '0'",
        "/reach": "/reach is for the task classify or generate",
        "/classify": "missing argument",
    },
}


@pytest.mark.parametrize(
    ("model", "line"), [(model, line) for model, lines in BAD_FOR_OTHER_TASKS.items() for line in lines]
)
def test_bad_input_does_not_change_a_label_or_a_series(shell, model, line):
    shell.workspace.use(model)
    list(shell.handle("abc" if model == "sentiment" else "1 2 3"))
    before = (shell.session.text(), shell.session.position, shell.session.strategy)

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))

    assert BAD_FOR_OTHER_TASKS[model][line] in caught.value.message
    assert "\n" not in caught.value.message
    assert (shell.session.text(), shell.session.position, shell.session.strategy) == before


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["/strategy beam width=14"], "width"),  # the vocabulary has 13 tokens
        (
            ["/strategy greedy", "/set nbest 5"],
            "greedy generates one answer; for the 5 best, use a search such as /strategy beam",
        ),
        (["/strategy beam width=2", "/set nbest 5"], "5"),
    ],
)
def test_an_unsuitable_strategy_is_reported_in_one_line(shell, settings, reason):
    shell.workspace.use("english-french")
    for line in ("i love the cat .", *settings):
        list(shell.handle(line))
    before = shell.session.text()

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle("i see the dog ."))

    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert shell.session.text() == before


def test_commands_that_need_a_model_report_that_none_is_open(shell):
    for name in ("tiny", "english-french", "sentiment", "oil-temperature"):
        shell.workspace.close(name)
    for line in (
        "abc",
        "/undo",
        "/continue",
        "/feed abc",
        "/top",
        "/score abc",
        "/state",
        "/text",
        "/info",
        "/branches",
        "/save x",
        "/record y",
    ):
        with pytest.raises(SeqshellError, match="no model is open; /load NAME opens one"):
            list(shell.handle(line))
