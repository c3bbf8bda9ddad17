import numpy as np
import pytest
import seqshell_until
from seqshell_until.sampler import Until

from seqshell import END, CharTokenizer, SampleContext, Stop, UsageError
from seqshell.testing import check_sampler, failed, run, shell_for, tiny_model, tiny_translation_model

LETTERS = "\n abcdefgh"
TOKENIZER = CharTokenizer(LETTERS)
LOGITS = np.zeros(TOKENIZER.size)


def ends(sampler, answer, *, before=""):
    """True if the sampler ends this answer, which comes after another text."""
    context = SampleContext(TOKENIZER.encode(before + answer), tokenizer=TOKENIZER, answer=len(answer))
    return sampler(LOGITS, context) is END


def answers(*lines, model=None):
    return [
        event
        for event in run(list(lines), model=model or tiny_model(LETTERS), plugins=[seqshell_until])
        if hasattr(event, "stop")
    ]


def test_the_sampler_passes_all_checks():
    assert not failed(check_sampler(Until))


def test_an_answer_ends_when_its_text_matches():
    assert ends(Until("a+b"), "caab")
    assert ends(Until("ab$"), "cab")
    assert not ends(Until("ab$"), "caba")
    assert not ends(Until(""), "caab")
    assert Until("x")(LOGITS, SampleContext(TOKENIZER.encode("ab"), tokenizer=TOKENIZER, answer=2)) is LOGITS


def test_only_the_answer_counts():
    assert not ends(Until("ab"), "c", before="ab")
    assert not ends(Until("ab"), "b", before="a")
    assert not ends(Until("a"), "", before="a")


def test_an_answer_has_the_least_number_of_tokens():
    assert not ends(Until("a", least=4), "aaa")
    assert ends(Until("a", least=4), "aaac")


def test_tokens_before_the_window_do_not_count():
    assert ends(Until("a", window=3), "abb")
    assert not ends(Until("a", window=3), "abbb")


def test_an_invalid_expression_is_refused():
    with pytest.raises(ValueError, match=r"the pattern 'a\(' is no regular expression: missing \)"):
        Until("a(")
    with pytest.raises(UsageError, match=r"until: the pattern '\(' is no regular expression"):
        run(["/sampler until=("], model=tiny_model(LETTERS), plugins=[seqshell_until])


@pytest.mark.parametrize("strategy", ["sample", "greedy"])
def test_the_answer_is_the_beginning_of_the_whole_one(strategy):
    """With the pattern, the same tokens are drawn up to the match, and the answer says why it ended."""
    start = (f"/strategy {strategy}", "/set max_tokens 40")
    (whole,) = answers(*start, "ab")
    letter = next(letter for letter in whole.answer[5:] if letter.isalpha())
    (stopped,) = answers(*start, f"/sampler until={letter}", "ab")

    end = whole.answer.index(letter) + 1
    assert (whole.stop, stopped.stop) == ("length", "plugin")
    assert stopped.answer == whole.answer[:end]
    assert stopped.num_tokens == end
    assert stopped.log_prob < 0


def test_an_empty_line_continues_after_the_match():
    first, second = answers("/sampler until=[cdh]", "ab", "/continue")

    assert [answer.stop for answer in (first, second)] == ["plugin", "plugin"]
    assert first.answer[-1] in "cdh"
    assert second.answer[-1] in "cdh"
    assert second.start == first.end


def test_each_hypothesis_of_a_beam_ends_by_itself():
    """Of the finished ones, the best is the answer: none of its beginnings matches, and it has no end of its own."""
    (found,) = answers("/strategy beam width=4", "/sampler until=[cdh]", "/set max_tokens 12", "ab")

    assert found.stop == "plugin"
    assert found.answer[-1] in "cdh"
    assert not set(found.answer[:-1]) & set("cdh")


@pytest.mark.parametrize("strategy", ["greedy", "beam width=3"])
def test_the_lines_of_a_file_are_as_one_by_one(strategy, tmp_path):
    """Translations of several lines in one batch, whose rows end at different lengths."""
    lines = ["i love the cat", "see the dog", "the", "i see the old dog", "love"]
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines) + "\n")
    model = tiny_translation_model()
    start = (f"/strategy {strategy}", "/sampler until=a|e,least=2", "/set max_tokens 9")

    alone = answers(*start, *lines, model=model)
    together = answers(*start, f"/translate @{path}", model=model)

    assert [found.answer for found in together] == [found.answer for found in alone]
    assert [found.stop for found in together] == [found.stop for found in alone]
    assert "plugin" in {found.stop for found in alone}
    assert len({found.num_tokens for found in alone}) > 1
    assert [found.log_prob for found in together] == pytest.approx([found.log_prob for found in alone], abs=1e-4)


def test_undo_and_restore_give_the_same_answer_again(tmp_path):
    shell = shell_for(tiny_model(LETTERS), plugins=[seqshell_until])
    handle = lambda line: list(shell.handle(line))  # noqa: E731  # short for the lines below
    for line in ("/sampler until=[cdh] temperature=0.5", "abc"):
        handle(line)
    handle(f"/save {tmp_path / 'here.safetensors'}")
    once = handle("/continue")[-1]
    handle("/undo")
    again = handle("/continue")[-1]
    handle(f"/restore {tmp_path / 'here.safetensors'}")
    restored = handle("/continue")[-1]

    assert once.stop == "plugin"
    assert once.answer == again.answer == restored.answer
    assert Stop().max_tokens > once.num_tokens
