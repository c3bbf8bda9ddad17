"""/translate with the current model and with one in the background, and settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.shell.sending import only, send

import seqshell
from seqshell.core.errors import UsageError
from seqshell.core.events import (
    Notice,
    SettingChanged,
    Table,
    Translation,
)
from seqshell.decoding.beam import Beam
from seqshell.models.summary import direction
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_checkpoint, tiny_model, tiny_translation_checkpoint, tiny_translation_model


@pytest.fixture
def shell(background_translator):
    """The shell of `background_translator`."""
    return background_translator


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


def test_an_answer_contains_required_words(shell, tmp_path):
    send(shell, "/translate the cat")
    session = shell.workspace.sessions["english-french"]
    vocabulary = session.model.tokenizer
    word = next(vocabulary.piece(token).decode().strip() for token in range(6, vocabulary.size))
    with pytest.raises(UsageError, match="greedy cannot require words; /strategy beam can"):
        send(shell, f"/translate --with {word} i love you")
    session.strategy = Beam(4)
    assert word in only(shell, f"/translate --with {word} i love you", Translation).answer.split()
    assert session.strategy == Beam(4)
    source = tmp_path / "source.txt"
    source.write_text("i love you\nthe cat\n", "utf-8")
    lines = [each for each in send(shell, f"/translate --with {word} @{source}") if isinstance(each, Translation)]
    assert [word in line.answer.split() for line in lines] == [True, True]


def test_the_command_compares_the_last_translation_of_a_background_model(shell):
    before = only(shell, "/translate i love the dog", Translation)
    table = only(shell, "/what-if dog=cat", Table)
    assert [row[1] for row in table.rows if row[1]] == before.answer.replace(".", " .").split()
    assert table.columns == ("", "dog", "cat", "attention to dog", "attention to cat")
    with pytest.raises(UsageError, match="cannot read 'dog'; write OLD=NEW, such as dog=cat"):
        send(shell, "/what-if dog")


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
    assert complete(shell, "/set nb").items == (
        ("nbest", "number of best translations to show; more than one needs a search such as beam"),
    )
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
