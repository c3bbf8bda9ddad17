"""/translate beside another model and as the current one, files line by line, /attention, and the settings of
translations.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import seqshell
from seqshell.cli import script
from seqshell.core.attention_labels import alignment, labels, names
from seqshell.core.errors import UsageError
from seqshell.core.events import (
    Attention,
    Data,
    Finished,
    LineFinished,
    LineStarted,
    Notice,
    Progress,
    ResultText,
    Score,
    SettingChanged,
    Table,
    Token,
    Top,
    Translation,
)
from seqshell.core.json_values import tidy
from seqshell.models.summary import direction, title
from seqshell.shell.commands import output_files
from seqshell.shell.completion import complete
from seqshell.shell.startup import Options
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model, tiny_translation_checkpoint, tiny_translation_model

LINES = ["i love you", "", "the cat", "  ", "\u4eca\u65e5\u306f", "i see the dog ."]


@pytest.fixture
def shell(folder):
    """A language model is current; one that translates, with long answers, is open in the background."""
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_translation_model(seed=3), name="english-french"), background=True)
    return shell


@pytest.fixture
def translator(shell):
    """The same with the one that translates as the current model."""
    shell.workspace.use("english-french")
    return shell


def send(shell, line):
    return list(shell.handle(line))


def only(shell, line, kind):
    (found,) = [event for event in send(shell, line) if isinstance(event, kind)]
    return found


# One text


def test_the_current_model_and_its_position_do_not_change(shell):
    send(shell, "/feed abc")
    before = (shell.workspace.current, shell.session.position, shell.session.text())
    *tokens, finished = send(shell, "/translate i love the cat .")

    assert (shell.workspace.current, shell.session.position, shell.session.text()) == before
    assert isinstance(finished, Translation)
    assert len(finished.answer.split()) > 3
    assert "".join(token.text for token in tokens) == finished.answer == shell.last_result.text
    assert shell.workspace.sessions["english-french"].text().text.strip() == finished.answer
    assert shell.workspace.answered == shell.workspace.translated == "english-french"


def test_undo_notes_that_the_answer_came_from_another_model(shell):
    send(shell, "/feed abc")
    send(shell, "/translate i love you")
    notice, *_ = send(shell, "/undo")

    assert notice.text == "the last answer came from english-french; this undoes a turn of tiny"
    assert shell.session.position == 0
    assert shell.workspace.sessions["english-french"].position


def test_the_background_model_can_become_current(shell):
    first = only(shell, "/translate the cat", Translation)
    second = only(shell, "/translate i love you", Translation)
    shell.workspace.use("english-french")
    send(shell, "/undo")
    assert shell.session.text().text.strip() == first.answer
    send(shell, "/redo")
    assert shell.session.text().text.strip() == second.answer


def test_the_current_model_translates_if_it_can(translator):
    direct = only(translator, "i love the cat .", Translation)
    again = only(translator, "/translate i love the cat .", Translation)

    assert again.answer == direct.answer
    send(translator, "/undo")
    assert translator.session.text().text.strip() == direct.answer


def test_another_model_is_found_by_name_or_path_and_opened_once(shell, tmp_path):
    path = tiny_translation_checkpoint(tmp_path / "words.safetensors")
    found = only(shell, f"/translate -m {path} i love you", Translation)

    assert shell.workspace.current == "tiny"
    assert list(shell.workspace.sessions) == ["tiny", "english-french", "words"]
    for word in (f"./{path.name}", "words"):
        assert only(shell, f"/translate -m {word} i love you", Translation).answer == found.answer
    assert list(shell.workspace.sessions) == ["tiny", "english-french", "words"]
    assert shell.open(path) is shell.workspace.sessions["words"]


def test_a_model_of_another_task_is_not_opened(shell, tmp_path):
    path = tiny_checkpoint(tmp_path / "letters.safetensors")
    with pytest.raises(UsageError, match="is generate, not translate") as caught:
        send(shell, f"/translate -m {path} i love you")
    assert caught.value.code == "wrong_task"
    assert list(shell.workspace.sessions) == ["tiny", "english-french"]


def test_without_the_default_model_the_error_suggests_another(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path))
    monkeypatch.setattr("seqshell.core.paths.shipped", lambda: tmp_path)
    with pytest.raises(seqshell.CheckpointError, match="no model 'english-french'") as caught:
        send(shell_for(tiny_model()), "/translate i love you")
    assert caught.value.hint == "/translate -m MODEL uses another one"


def test_at_the_prompt_an_answer_from_the_background_begins_with_its_languages(shell):
    shell.interactive = True
    assert send(shell, "/translate i love you")[0] == Notice("english -> french:", "label")
    assert not [event for event in send(shell, "/score abc") if isinstance(event, Notice)]
    shell.workspace.use("english-french")
    assert not [event for event in send(shell, "/translate i love you") if isinstance(event, Notice)]


def test_a_label_comes_only_with_an_answer(shell):
    shell.interactive = True
    seen = []
    with pytest.raises(seqshell.VocabularyError):
        seen.extend(shell.handle("/translate \u4eca"))
    assert seen == []


def test_languages_come_from_the_header_or_the_name():
    assert direction("x", {"languages": ["english", "french"]}) == "english -> french"
    assert direction("german-english", {}) == "german -> english"
    assert direction("mine", {"languages": ["english"]}) == "mine"


def test_an_answer_begins_with_its_prefix(shell):
    assert only(shell, "/translate --prefix je i love you", Translation).answer.startswith("je")
    assert only(shell, '/translate --prefix "tu aime" i love you', Translation).answer.startswith("tu aime")


def test_a_text_in_quotes_and_of_several_lines_is_one_text(shell):
    plain = only(shell, "/translate i love you", Translation).answer
    assert only(shell, '/translate "i love\\nyou"', Translation).answer == plain
    shell.workspace.use("english-french")
    assert only(shell, '"""\ni love\nyou\n"""', Translation).answer == plain


def test_a_blank_text_is_rejected_and_changes_nothing(translator):
    send(translator, "the cat")
    before = translator.session.ids(), translator.session.position
    with pytest.raises(UsageError, match="missing argument; usage: /translate"):
        send(translator, '/translate "  "')
    assert (translator.session.ids(), translator.session.position) == before


def test_an_empty_line_does_nothing(translator):
    translator.interactive = True
    assert send(translator, "") == []


def test_plugins_receive_the_tokens_of_the_session_that_translates(shell):
    heard = []

    class Plugin:
        @seqshell.hookimpl
        def seqshell_token(self, session, token):
            heard.append((session.model.name, token.text))

    shell = shell_for(tiny_model(), plugins=[Plugin()])
    shell.workspace.add(replace(tiny_translation_model(seed=3), name="english-french"), background=True)
    finished = only(shell, "/translate the cat", Translation)
    assert "".join(text for _, text in heard) == finished.answer
    assert {name for name, _ in heard} == {"english-french"}


def test_the_answer_is_written_and_shown(shell):
    found = only(shell, "/translate -o out.txt i love you", Translation)
    send(shell, "/translate -o out.json i love you")

    assert Path("out.txt").read_text("utf-8") == found.answer + "\n"
    (line,) = json.loads(Path("out.json").read_text())["lines"]
    assert (line["source"], line["text"]) == ("i love you", found.answer)


# Files


def test_a_file_gives_one_line_for_each_line(shell):
    Path("a.en").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    before = shell.workspace.sessions["english-french"].position
    events = send(shell, "/translate @a.en")
    assert shell.workspace.sessions["english-french"].position == before
    lines = [event for event in events if isinstance(event, Translation)]
    warnings, notice = [event for event in events if isinstance(event, Notice)], events[-2]

    assert [event.source for event in lines] == LINES
    assert [event.item for event in lines] == [1, 2, 3, 4, 5, 6]
    assert [bool(event.answer) for event in lines] == [True, False, True, False, False, True]
    assert [event.answer for event in lines if event.answer] == [
        only(shell, f"/translate {text}", Translation).answer for text in LINES if text.isascii() and text.strip()
    ]
    assert warnings[0].level == "warning"
    assert warnings[0].text.startswith("line 5: english-french knows nothing of '\u4eca\u65e5\u306f'")
    assert notice == Notice("5 lines translated, 1 failed")
    assert events[-1] == Data({"lines": 6, "failed": 1}, op="translate")


def test_output_files_hold_all_lines_in_order(shell):
    Path("a.en").write_text("\n".join(LINES), encoding="utf-8")
    shown = [event.answer for event in send(shell, "/translate @a.en") if isinstance(event, Translation)]
    events = send(shell, "/translate @a.en -o a.fr")
    send(shell, "/translate @a.en -o a.json")

    assert Path("a.fr").read_text("utf-8") == "".join(f"{line}\n" for line in shown)
    assert not [event for event in events if isinstance(event, Translation)]
    assert any(isinstance(event, Progress) for event in events)
    assert events[-2:] == [
        Notice("5 lines translated, 1 failed · written to a.fr"),
        Data({"lines": 6, "failed": 1, "file": "a.fr"}, op="translate"),
    ]
    assert [line["text"] for line in json.loads(Path("a.json").read_text())["lines"]] == shown


@pytest.mark.parametrize(("text", "number"), [("", 0), ("\n", 1), ("the cat", 1), ("the cat\n\n", 2)])
def test_the_last_newline_of_a_file_does_not_start_a_line(shell, text, number):
    Path("a.en").write_text(text)
    assert send(shell, "/translate @a.en")[-1].values["lines"] == number


def test_stdin_is_translated_line_by_line(shell):
    shell.read_stdin = lambda: "the cat\ni love you\n"
    assert len([event for event in send(shell, "/translate @-") if isinstance(event, Translation)]) == 2


def test_interrupted_work_on_a_file_writes_the_answers_so_far(shell):
    Path("a.en").write_text("the cat\n" * 50)
    whole = only(shell, "/translate the cat", Translation).answer
    told = []
    for event in shell.handle("/translate @a.en -o a.fr"):
        told.append(event)
        if isinstance(event, Progress):
            shell.interrupt()
    lines = Path("a.fr").read_text("utf-8").splitlines()

    assert lines == [whole] * len(lines)
    assert len(lines) < 50
    assert f"{50 - len(lines)} not processed · written to a.fr" in told[-1].text


def test_translating_a_file_does_not_affect_undo(shell):
    Path("a.en").write_text("the cat\n")
    send(shell, "/feed abc")
    send(shell, "/translate @a.en")
    moved, *_ = send(shell, "/undo")
    assert shell.session.position == 0
    assert not isinstance(moved, Notice)


# Settings


def test_the_best_translations_have_scores(translator):
    for line in ("/strategy beam width=4", "/set nbest 3"):
        send(translator, line)
    *tokens, finished = send(translator, "i love the cat .")
    first, *rest = translator.last_result.text.split("\n")

    assert len(finished.candidates) == 3
    assert first == finished.answer == finished.candidates[0].text == "".join(token.text for token in tokens)
    assert [line.split(maxsplit=2) for line in rest] == [
        [str(number), f"{best.score:.4f}", best.text] for number, best in enumerate(finished.candidates, 1) if best.text
    ]


def test_settings_of_translations_are_listed_only_for_translation_models(shell):
    own = {"nbest", "unk", "replace_unk"}
    assert not own & {row[0] for row in only(shell, "/set", Table).rows}
    shell.workspace.use("english-french")
    listed = {row[0] for row in only(shell, "/set", Table).rows}
    assert own | {"max_tokens", "stop"} <= listed
    assert not {"horizon", "newline"} & listed
    assert complete(shell, "/set nb").items == (("nbest", ""),)
    assert {text for text, _ in complete(shell, "/set unk ").items} == {"on", "off", "default"}


def test_unk_and_replace_unk_decide_about_unknown_words(translator):
    session = translator.session
    assert (session.draws_unknown, session.replaces_unknown) == (False, True)
    for line in ("/set unk on", "/set replace_unk off"):
        send(translator, line)
    assert (session.draws_unknown, session.replaces_unknown) == (True, False)
    assert only(translator, "/set unk default", SettingChanged) == SettingChanged("unk", False, True)
    assert session.draws_unknown is False


def test_settings_apply_to_the_background_model_except_those_of_the_model(shell):
    for line in ("/set replace_unk off", "/set max_tokens 1", "/set stop a"):
        send(shell, line)
    found = only(shell, "/translate i love the cat .", Translation)
    assert shell.workspace.sessions["english-french"].replaces_unknown is False
    assert found.num_tokens > 1


def test_the_checkpoint_limits_answers_of_the_background_model(shell, tmp_path):
    path = tiny_translation_checkpoint(tmp_path / "words.safetensors", seed=3, defaults={"max_tokens": 2})
    assert only(shell, f"/translate -m {path} i love the cat .", Translation).num_tokens <= 2


# Looking


def test_attention_is_that_of_the_last_translation_of_any_model(shell):
    with pytest.raises(UsageError, match="nothing has been translated yet"):
        send(shell, "/attention")
    finished = only(shell, "/translate i love the cat .", Translation)
    (shown,) = send(shell, "/attention")
    fields = shown.as_json()

    assert isinstance(shown, Attention)
    assert fields["source"] == ["i", "love", "the", "cat", ".", "<eos>"]
    assert fields["target"] == finished.answer.split()
    weights = np.array(fields["weights"])
    assert weights.shape == (finished.num_tokens, 6)
    assert weights.sum(1) == pytest.approx(1)
    assert fields["alignment"] == weights.argmax(1).tolist()
    assert shell.last_result.text.split("\n")[0].split() == fields["source"]


def test_attention_is_written_as_numbers_a_table_and_pictures(shell):
    send(shell, "/translate i love the cat .")
    values = only(shell, "/attention -o a.json", Data).values
    for name in ("a.txt", "a.png", "a.svg", "a.pdf"):
        send(shell, f"/attention -o {name}")

    assert json.loads(Path("a.json").read_text()) == tidy(values)
    assert Path("a.txt").read_text().split()[:6] == values["source"]
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert Path("a.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in Path("a.svg").read_text()


def test_a_picture_without_matplotlib_gives_a_one_line_error(shell, monkeypatch):
    send(shell, "/translate i love the cat .")
    monkeypatch.setattr(output_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"a picture needs matplotlib: pip install 'seqshell\[plot\]'; .json and .txt work without"
    ):
        send(shell, "/attention -o a.png")
    assert not Path("a.png").exists()


def test_special_characters_are_drawn_literally(shell, monkeypatch):
    odd = Attention(("$x_1$", "\u65e5", " \x1b[2J"), ("$", ""), np.full((2, 3), 1 / 3))
    monkeypatch.setattr(shell.session, "attention", lambda: odd)
    send(shell, "/translate the cat")
    send(shell, "/attention -o a.png")
    assert Path("a.png").stat().st_size > 1000


def test_names_of_tokens_distinguish_words_from_parts():
    assert names(("trans", "lat", " it", ".", "")) == ("trans", "lat", "it", ".", "<eos>")
    assert labels(("trans", "lat", " it", ".", "")) == ("trans", "+lat", "it", ".", "<eos>")
    assert labels(("aujourd", "'", "hui", " ")) == ("aujourd", "'", "hui", " ")
    assert alignment([[0.1, 0.8, 0.1], [0.5, 0.5, 0.0]]) == (1, 0)


def test_score_takes_a_source_and_its_translation(translator):
    send(translator, "/set replace_unk off")
    finished = only(translator, "i love the cat .", Translation)
    before = translator.session.ids()
    (shown,) = send(translator, f"/score i love the cat . => {finished.answer}")

    assert isinstance(shown, Score)
    assert translator.session.ids() == before
    assert "".join(token.text for token in shown.tokens[:-1]).strip() == finished.answer
    assert shown.tokens[-1].text == shown.as_json()["tokens"][-1]["text"] == "<eos>"
    assert shown.log_prob == pytest.approx(finished.log_prob + shown.tokens[-1].log_prob)
    assert all(
        token.rank == 0 or token.likeliest[0][0] in ("<pad>", "<bos>", " <unk>") for token in shown.tokens
    )  # greedy


def test_top_and_regen_work_on_translations(translator):
    finished = only(translator, "i love the cat .", Translation)
    send(translator, "/undo 1t")
    (top,) = send(translator, "/top 20")
    assert isinstance(top, Top)
    assert finished.answer.endswith(max(top.tokens, key=lambda token: token.chain_log_prob).text)
    send(translator, "/strategy beam width=4")
    found = [event for event in send(translator, "/regen 3") if isinstance(event, Translation)]
    assert [event.candidate for event in found] == [1, 2, 3]
    assert [event.branch for event in found] == ["main.2", "main.3", "main.4"]
    assert len({event.answer for event in found}) == 3


def test_info_shows_both_vocabularies(tmp_path):
    shell = shell_for()
    shell.open(tiny_translation_checkpoint(tmp_path / "words.safetensors"))
    lines = [" ".join(line.split()) for line in send(shell, "/info")[0].text.split("\n")]
    assert "source tokens word, vocabulary of 12" in lines
    assert "tokenizer word, vocabulary of 13" in lines


def test_the_title_has_cell_and_bleu():
    header = {
        "architecture": "attention_seq2seq",
        "config": {"cell": "lstm", "num_layers": 1, "hidden_size": 512},
        "tokenizer": {"name": "bpe"},
        "parameters": 5_200_000,
        "provenance": {"metrics": {"loss": 1.3, "bleu": 41.23, "chrf": 60.1}},
    }
    assert (
        title("english-french", header)
        == "english-french: subword attention LSTM seq2seq 1x512, 5.2M parameters, BLEU 41.2"
    )
    assert "subword LSTM seq2seq 1x512" in title("x", {**header, "architecture": "seq2seq"})


def test_translation_models_are_completed_after_m(shell, tmp_path):
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    tiny_translation_checkpoint(models / "words.safetensors")
    tiny_checkpoint(models / "letters.safetensors")
    (models / "rubbish.safetensors").write_text("rubbish")
    offered = {text for text, _ in complete(shell, "/translate -m ").items}
    assert "words" in offered
    assert not {"letters", "rubbish", "shakespeare"} & offered
    assert {text for text, _ in complete(shell, "/translate -").items} == {"-m", "--prefix", "-o"}


# Scripts


def scripted(capsys, *lines, defaults=MappingProxyType({"max_tokens": 12}), **options):
    """(exit code, stdout, stderr) of a script on a model that translates."""
    tiny_translation_checkpoint("tiny.safetensors", seed=3, defaults=defaults)
    Path("script.seq").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    code, _ = script.run(
        Options(**{"model": "./tiny.safetensors", "scripts": ("script.seq",), "no_plugins": True, **options})
    )
    return code, *capsys.readouterr()


SEVEN = ["i love you", "", "/x the cat", '"""', "the cat .", "", "i see the dog"]


def test_seven_messages_are_seven_lines(shell, capsys):
    code, out, err = scripted(capsys, *SEVEN, messages=True)
    lines = out.removesuffix("\n").split("\n")
    assert [bool(line) for line in lines] == [True, False, True, True, True, False, True]
    assert (code, err) == (0, "")


def test_nbest_does_not_affect_output_with_one_line_per_message(shell, capsys):
    beam = {"strategy": "beam width=4", "nbest": 3, "max_tokens": 12}
    code, out, _ = scripted(capsys, *SEVEN, defaults=beam, messages=True)
    assert (code, out.count("\n")) == (0, 7)
    Path("a.en").write_text("the cat .\ni love you\n")
    code, out, _ = scripted(capsys, "/translate @a.en", "the cat .", defaults=beam)
    assert (code, out.count("\n")) == (0, 2 + 1 + 3)


def test_json_has_one_result_for_each_line_and_one_for_the_file(shell, capsys):
    Path("a.en").write_text("\n".join(LINES), encoding="utf-8")
    script_lines = ("/translate @a.en", "i love the cat .", "/attention", "/translate nonsense \u4eca")
    code, out, err = scripted(capsys, *script_lines, json="lines", on_error="continue")
    _, *lines, message, attention, error, end = map(json.loads, out.splitlines())

    assert [line["op"] for line in lines] == ["translate"] * 7
    assert [line.get("item") for line in lines] == [1, 2, 3, 4, 5, 6, None]
    assert [line["input"] for line in lines[:6]] == LINES
    assert lines[4] == {"type": "result", "line": 1, "op": "translate", "item": 5, "input": LINES[4], "text": "", "n": 0, "stop": "error",
                        "logprob": 0.0, "nbest": []}  # fmt: skip
    assert lines[6] == {"type": "result", "line": 1, "op": "translate", "lines": 6, "failed": 1}
    assert (message["op"], message["input"], message["line"]) == ("translate", "i love the cat .", 2)
    assert message["nbest"][0]["text"] == message["text"]
    assert message["pos"] == [0, message["n"]]
    assert set(attention) == {"type", "line", "op", "source", "target", "weights", "alignment"}
    assert attention["op"] == "/attention"
    assert (error["type"], error["op"], error["code"]) == ("error", "/translate", "vocabulary")
    assert (code, end["failed"]) == (1, 1)
    assert "seqshell: line 5: tiny knows nothing of" in err
    assert "seqshell: 5 lines translated, 1 failed\n" in err


def test_nbest_in_json_begins_with_the_answer(shell, capsys):
    _, out, _ = scripted(
        capsys,
        "/strategy beam width=4",
        "/set nbest 2",
        "i love the cat .",
        "/set nbest 1",
        "i love the cat .",
        json="lines",
    )
    several, _, one = [json.loads(line) for line in out.splitlines()][3:6]

    assert [set(best) for best in several["nbest"]] == [{"text", "score", "logprob"}] * 2
    assert several["nbest"][0]["text"] == several["text"] == one["text"]
    assert one["nbest"] == several["nbest"][:1]


def test_a_translation_is_one_line_whatever_the_model_writes(capsys, monkeypatch):
    out = []

    class Out:
        write = staticmethod(out.append)
        flush = staticmethod(lambda: None)

    told = script.PlainText(Out(), sys.stderr)
    told.begin(1, "", "x", None)
    answer = [*map(Token, ("a\n", "b\r\n")), Translation("a\nb\r\n", 2, "eos", -1.0, 0, 2)]
    for event in (LineStarted("translate", 1, "x", "translate"), *answer, LineFinished(True)):
        told.event(event)
    item = Translation("c\nd", 2, "eos", -1.0, 0, 2, item=1)
    for event in (LineStarted("/translate", 2, "/translate @a", "generate"), item, LineFinished(False)):
        told.event(event)
    assert "".join(out) == "a b  \nc d\n"
    shown = ResultText()
    shown.add(Translation("c\nd", 2, "eos", -1.0, 0, 2))
    shown.add(Finished("c\nd", 2, "eos", -1.0, 0, 2))
    assert shown.text == "c d\nc\nd"


def test_a_recording_gives_the_same_translations(shell, tmp_path):
    path = tiny_translation_checkpoint(tmp_path / "words.safetensors", seed=3)
    shell = shell_for()
    shell.open(path)
    for line in ("/strategy beam", "/set nbest 2"):
        send(shell, line)
    lines = ["/record one.seq", "i love the cat .", f"/translate -m {path} the dog", "/record off"]
    found = [event for line in lines for event in send(shell, line) if isinstance(event, Translation)]
    again = shell_for()
    replayed = [event for event in send(again, "/source one.seq") if isinstance(event, Translation)]
    assert [event.candidates for event in replayed] == [event.candidates for event in found]


def test_settings_for_background_models_are_recorded(shell):
    shell.open(tiny_checkpoint("letters.safetensors"))
    for line in ("/set nbest 4", "/record one.seq", "/record off"):
        send(shell, line)
    assert "/set nbest 4\n" in Path("one.seq").read_text()
    assert "replace_unk" not in Path("one.seq").read_text()


def test_an_interrupted_translation_is_recorded_at_its_length(shell, tmp_path):
    path = tiny_translation_checkpoint(tmp_path / "words.safetensors", seed=3)
    shell.open(path)
    send(shell, "/record one.seq")
    for event in shell.handle("i love the cat ."):
        if isinstance(event, Token) and event.position == 2:
            shell.interrupt()
    send(shell, "/record off")
    cut = shell.session.ids()
    again = shell_for()
    send(again, "/source one.seq")
    assert again.session.ids() == cut
    assert 2 <= len(cut) < 8


def test_sampler_notes_which_stages_a_search_ignores(translator):
    translator.interactive = True
    for line in ("/strategy beam", "/sampler top_k=3 temperature=0.5 repeat_penalty=1.2"):
        events = send(translator, line)
    assert events[-1] == Notice("beam does not sample, so top_k=3 temperature=0.5 has no effect")
    assert send(translator, "/sampler")[-1] == events[-1]
    assert len(send(translator, "/strategy sample") + send(translator, "/sampler")) == 2


def test_ctrl_c_while_translating_a_file_keeps_the_translations_so_far(shell, tmp_path):
    tiny_translation_checkpoint("words.safetensors", seed=3, defaults={"max_tokens": 100})
    Path("a.en").write_text("the cat sees i you love .\n" * 20_000)
    command = [
        sys.executable,
        "-m",
        "seqshell",
        "-m",
        "./words.safetensors",
        "--no-plugins",
        "-c",
        "/translate @a.en -o a.fr",
    ]
    environment = {**os.environ, "SEQSHELL_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    lines = Path("a.fr").read_text().splitlines()

    assert (process.returncode, out) == (130, b"")
    assert b"translating" in first
    assert b"not processed" in err
    assert b"Traceback" not in err
    assert 0 < len(lines) < 20_000
    assert len(set(lines)) == 1
