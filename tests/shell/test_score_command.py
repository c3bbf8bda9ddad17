"""/score and `seqshell score` as tables: by token or word, by line, in pairs; files, pipes, JSON, and bad input."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest
from tests.shell.sending import fails, only, send

from seqshell.cli import main
from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.events import Data, Notice, PairScores, Scores
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model, tiny_translation_model

LINES = "ab cd\n\nbe fed a\n"


@pytest.fixture
def shell(folder):
    Path("lines.txt").write_text(LINES)
    Path("pairs.tsv").write_text("ab\tba\nab\tab\nface\tcafe\n")
    shell = shell_for(tiny_model())
    send(shell, "/feed abc")
    return shell


@pytest.fixture
def cli(folder, capsys):
    """Return a function that runs `seqshell score -m tiny` and gives the exit code, stdout and stderr."""
    tiny_checkpoint(folder / "tiny.safetensors")
    Path("lines.txt").write_text(LINES)

    def run(*arguments):
        code = main(["score", "-m", "./tiny.safetensors", *arguments])
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


def table(text, delimiter="\t"):
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_the_table_has_a_row_for_each_token_of_each_line(shell):
    before = shell.session.here
    shown = only(shell, "/score --lines @lines.txt", Scores)
    notes = [event.text for event in send(shell, "/score --lines @lines.txt") if isinstance(event, Notice)]

    assert [(part.sentence, part.text) for part in shown.parts] == [
        *((1, letter) for letter in "ab cd"),
        *((3, letter) for letter in "be fed a"),
    ]
    assert shown.parts[0].surprisal == shown.parts[5].surprisal == pytest.approx(math.log(10))  # a fresh state
    assert notes == ["surprisal and entropy in nats", "line 2 is empty: no tokens, so no rows"]
    values = shown.as_json()
    assert [sentence["sentence_id"] for sentence in values["sentences"]] == [1, 2, 3]
    assert values["sentences"][1] == {
        "sentence_id": 2, "logprob": 0.0, "surprisal_nats": 0.0, "surprisal_bits": 0.0, "tokens": []
    }  # fmt: skip
    assert values["sentences"][0]["tokens"][0]["bytes"] == [97]
    assert values["surprisal_bits"] == pytest.approx(values["surprisal_nats"] / math.log(2))
    assert (values["num_sentences"], values["num_tokens"]) == (3, 13)
    assert shell.session.here is before


def test_a_picture_has_a_line_for_each_sentence_coloured_by_surprisal(shell):
    shown = only(shell, "/score --lines --by word --unit bits @lines.txt", Scores)
    passage, note = shown.as_page().blocks
    assert [piece.text for piece in passage.pieces] == ["ab ", "cd ", "\n", "be ", "fed ", "a "]
    assert [piece.value for piece in passage.pieces if piece.value is not None] == [
        row[3] for row in shown.as_rows()[1:]
    ]
    assert (passage.scale.unit, note.text) == ("bits", shown.summary())
    send(shell, "/score --lines -o x.html @lines.txt", "/score --pairs -o p.svg @pairs.tsv")
    assert "cafe" in Path("p.svg").read_text()


@pytest.mark.parametrize(("ending", "delimiter"), [(".tsv", "\t"), (".csv", ",")])
def test_a_file_has_the_rows_in_the_unit_and_the_result_has_the_totals(shell, ending, delimiter):
    shown = only(shell, "/score --lines @lines.txt", Scores)
    data = only(shell, f"/score --lines --unit bits -o x{ending} @lines.txt", Data)
    columns, *rows = table(Path(f"x{ending}").read_text(), delimiter)

    assert columns == ["sentence_id", "token_id", "token", "surprisal", "entropy"]
    assert [row[:3] for row in rows] == [[str(part.sentence), str(part.number), part.text] for part in shown.parts]
    assert [float(row[3]) for row in rows] == pytest.approx(
        [part.surprisal / math.log(2) for part in shown.parts], abs=1e-6
    )
    assert sum(float(row[3]) for row in rows) == pytest.approx(data.values["surprisal_bits"], abs=1e-5)
    assert data.values | {"by": "token", "unit": "bits", "file": f"x{ending}", "num_tokens": 13} == data.values


def test_words_are_sums_and_continue_from_here_without_lines(shell):
    whole = shell.session.score("de fa")
    shown = only(shell, "/score --by word de fa", Scores)

    surprisals = [-token.log_prob for token in whole.tokens]
    assert [(word.text, word.num_tokens) for word in shown.parts] == [("de", 2), ("fa", 3)]
    assert [word.surprisal for word in shown.parts] == [math.fsum(surprisals[:2]), math.fsum(surprisals[2:])]
    assert shown.as_json()["logprob"] == whole.log_prob
    assert shown.as_json()["space"] == "before"
    after = only(shell, "/score --by word --space after de fa", Scores)
    assert [word.num_tokens for word in after.parts] == [3, 2]
    assert after.totals == shown.totals
    send(shell, "/set unit bits")
    assert "surprisal and entropy in bits; a word includes the white space after it" in [
        event.text for event in send(shell, "/score --by word --space after de fa") if isinstance(event, Notice)
    ]
    assert (
        after.as_rows()[1][3] / math.log(2)
        == only(shell, "/score --by word --space after de fa", Scores).as_rows()[1][3]
    )


def test_pairs_give_the_share_with_its_interval(shell):
    shown = only(shell, "/score --pairs @pairs.tsv", PairScores)
    first = [pair.surprisal_first < pair.surprisal_second for pair in shown.pairs]

    assert (len(shown.pairs), shown.num_first, shown.num_ties) == (3, sum(first), 1)
    values = shown.as_json()
    assert (values["share_first"], values["interval_method"]) == (sum(first) / 3, "wilson")
    assert shown.as_rows()[0] == ("pair_id", "first", "second", "surprisal_first", "surprisal_second", "difference")
    assert "95 % Wilson interval" in shown.as_text().splitlines()[-1]
    assert only(shell, "/score --pairs -o p.json @pairs.tsv", Data).values["num_pairs"] == 3
    assert json.loads(Path("p.json").read_text())["num_pairs"] == 3


WHOLE = "--pairs compares whole sentences, each from a fresh state; leave out "
TWO = "lines.txt has 1 column; --pairs needs two columns, or sentence_good and sentence_bad"
ENDING = "unknown ending of x.docx; use .html, .svg, .png or .pdf for a picture, .json, .csv or .tsv for the numbers, "


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/score --pairs --lines @pairs.tsv", f"{WHOLE}--lines"),
        ("/score --pairs --by word @pairs.tsv", f"{WHOLE}--by"),
        ("/score --space after ab", "--space says which word has the white space; it needs --by word"),
        ("/score --by letter ab", "--by must be token or word, not 'letter'"),
        ("/score --unit hartley ab", "--unit must be nats or bits, not 'hartley'"),
        ("/score --lines -o x.docx @lines.txt", f"{ENDING}or .txt"),
        ("/score --lines -o none/x.tsv @lines.txt", "cannot write none/x.tsv: there is no folder none"),
        ("/score --pairs @lines.txt", TWO),
        ('/score --lines "\\n\\n"', "cannot score an empty text"),
    ],
)
def test_bad_input_is_one_line_and_moves_nothing(shell, line, message):
    before, files = shell.session.here, sorted(Path().iterdir())
    assert fails(shell, line).message == message
    assert shell.session.here is before
    assert sorted(Path().iterdir()) == files


def test_what_the_vocabulary_lacks_is_named_with_its_line(shell):
    Path("odd.txt").write_text("ab\na?b\n")
    Path("odd.jsonl").write_text('{"sentence_good": "ab", "sentence_bad": "?"}')
    assert fails(shell, "/score --lines @odd.txt", VocabularyError).message.startswith("odd.txt, line 2: tiny's vocab")
    error = fails(shell, "/score --pairs @odd.jsonl", VocabularyError)
    assert error.message.startswith("odd.jsonl, row 1, column sentence_bad: tiny's vocabulary")
    Path("open.csv").write_text('a,b\n"x,y\n')
    assert "a quotation mark is not closed" in fails(shell, "/score --pairs @open.csv", RecipeError).message
    send(shell, "/set unknown skip")
    assert [part.text for part in only(shell, "/score --lines @odd.txt", Scores).parts] == ["a", "b", "a", "b"]
    assert [word.text for word in only(shell, "/score --lines --by word @odd.txt", Scores).parts] == ["ab", "ab"]


def test_tables_are_for_language_models():
    shell = shell_for(tiny_translation_model())
    error = fails(shell, "/score --lines the cat")
    assert error.message.startswith(f"{shell.session.model.name} is a translation model, which scores SOURCE => TARGET")


def test_an_interrupted_file_has_the_whole_sentences_before(shell):
    Path("many.txt").write_text("abc\n" * 600)
    events = shell.handle("/score --lines -o x.tsv @many.txt")
    cursor = shell.session.behaviour.cursor
    step, count = cursor.decoder.step, 0

    def counted(inputs, state):
        nonlocal count
        count += 1
        if count == 10:  # in the second window
            shell.interrupt()
        return step(inputs, state)

    cursor.decoder.step = counted
    notes = [event.text for event in events if isinstance(event, Notice)]
    assert notes[0].startswith("stopped: 256 of 600 sentences, 768 tokens: ")
    assert len(table(Path("x.tsv").read_text())) == 1 + 768


def test_the_terminal_shows_the_first_rows_and_the_totals(shell):
    class Screen(io.StringIO):
        encoding = "utf-8"

    screen = Screen()
    renderer = Renderer(Printer(screen, colours=-1, width=lambda: 60))
    renderer.draw(only(shell, "/score --lines " + "abc cba" * 20, Scores))
    renderer.draw(only(shell, "/score --pairs @pairs.tsv", PairScores))
    lines = screen.getvalue().splitlines()
    assert lines[61] == "the first 60 of 140 rows; -o FILE.tsv writes all"
    assert lines[62].startswith("1 sentence, 140 tokens: ")
    assert " ".join(lines[-2:]).startswith("the first is more likely in ")
    assert max(map(len, lines[:62])) <= 60


# The command line


def test_the_command_line_writes_the_table_to_stdout_and_notes_to_stderr(cli):
    code, out, err = cli("lines.txt", "--lines", "--by", "word")
    rows = table(out)

    assert code == 0
    assert [row[:3] for row in rows[1:]] == [
        [*place, word]
        for place, word in zip(
            [("1", "1"), ("1", "2"), ("3", "1"), ("3", "2"), ("3", "3")], ["ab", "cd", "be", "fed", "a"], strict=True
        )
    ]
    assert "3 sentences, 13 tokens: " in err
    assert "a word includes the white space before it" in err


def test_the_command_line_scores_a_whole_text_as_the_shell_does(cli):
    code, out, _ = cli("lines.txt", "--json")
    values = json.loads(out)
    shell = shell_for()
    shell.open("./tiny.safetensors")
    assert code == 0
    assert values["logprob"] == round(shell.session.score(LINES).log_prob, 6)
    assert len(values["sentences"][0]["tokens"]) == len(LINES)
    bits = cli("lines.txt", "--unit", "bits")[1]
    assert float(table(bits)[1][3]) == pytest.approx(math.log2(10), abs=1e-6)
    bits = cli("lines.txt", "--set", "unit=bits", "-o", "x.csv")[2]
    assert "bits, " in bits
    assert float(table(Path("x.csv").read_text(), ",")[1][3]) == pytest.approx(math.log2(10), abs=1e-6)


def test_the_command_line_refuses_in_one_line(cli):
    Path("odd.txt").write_text("ab\na?b\n")
    code, out, err = cli("odd.txt", "--lines")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "odd.txt, line 2: tiny's vocabulary has no '?'" in err
    assert "--set unknown=skip leaves such characters out" in err
    assert cli("odd.txt", "--set", "unknown=skip")[0] == 0
    assert (cli("none.txt")[0], cli("lines.txt", "--pairs")[0], cli("lines.txt", "--space", "after")[0]) == (2, 2, 2)
