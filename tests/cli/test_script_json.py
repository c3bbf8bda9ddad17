"""Script mode with --json: the objects of each line, of the start and of the end."""

import pytest
from tests.cli.scripts import VOCABULARY, objects, seqshell

pytestmark = pytest.mark.usefixtures("tiny_file")


def answers(found):
    return [item["text"] for item in found if item["type"] == "result" and item["op"] == "generate"]


def test_json_has_the_session_each_line_and_the_end():
    code, found = objects(
        "--on-error=continue", "abc\n/undo\n/set max_tokens 2\n/lod\n/continue\n/c 1\n/history\n/quit 3\n/text\n"
    )
    assert code == 3
    session, message, undo, changed, error, more, alias, history, leave, end = found
    assert list(session) == ["v", "type", "seqshell", "model", "task", "fingerprint", "seed", "plugins"]
    assert {key: session[key] for key in ("v", "model", "task", "seed", "plugins")} == {
        "v": 1, "model": "tiny", "task": "generate", "seed": 0,
        "plugins": [
            *("classifier", "forecaster", "importers", "modern", "ngram", "recurrent", "samplers", "seq2seq", "tagger")
        ],
    }  # fmt: skip
    assert list(message) == ["type", "line", "op", "input", "text", "n", "stop", "logprob", "pos", "branch"]
    assert {**message, "text": len(message["text"]), "logprob": message["logprob"] < 0} == {
        "type": "result", "line": 1, "op": "generate", "input": "abc", "text": 5, "n": 5, "stop": "length",
        "logprob": True, "pos": [3, 8], "branch": "main",
    }  # fmt: skip
    assert undo == {"type": "result", "line": 2, "op": "/undo", "pos": 0, "was": 8, "branch": "main", "tail": ""}
    assert changed == {"type": "result", "line": 3, "op": "/set", "name": "max_tokens", "value": 2, "was": 5}
    text = "there is no command /lod; did you mean /load?"
    assert error == {
        "type": "error",
        "line": 4,
        "op": "/lod",
        "code": "unknown_command",
        "message": text,
        "hint": "/load",
    }
    assert (more["op"], more["n"], "input" in more) == ("generate", 2, False)
    assert (alias["op"], alias["n"], alias["line"]) == ("generate", 1, 6)
    assert (history["op"], history["text"].split("\n")[0]) == ("/history", "abc")
    assert leave == {"type": "result", "line": 8, "op": "/quit", "text": ""}
    assert end == {"type": "end", "lines": 8, "ok": 7, "failed": 1, "exit": 3}


def test_the_stream_has_one_object_for_each_token():
    code, found = objects("--json=stream -c abc")
    tokens = [item for item in found if item["type"] == "token"]
    (result,) = [item for item in found if item["type"] == "result"]
    assert code == 0
    both_units = ["surprisal_nats", "surprisal_bits", "entropy_nats", "entropy_bits"]
    fields = ["type", "line", "pos", "id", "text", "bytes", "logprob", "rank", "entropy", *both_units]
    assert list(tokens[0]) == fields
    assert all(bytes(token["bytes"]).decode() == token["text"] for token in tokens)
    assert "".join(token["text"] for token in tokens) == result["text"]
    assert [token["pos"] for token in tokens] == list(range(*result["pos"]))
    assert sum(token["logprob"] for token in tokens) == pytest.approx(result["logprob"], abs=1e-5)
    assert all(
        0 <= token["rank"] < len(VOCABULARY) and token["entropy"] > 0 and token["logprob"] < 0 for token in tokens
    )
    assert all(value == round(value, 6) for token in tokens for value in (token["logprob"], token["entropy"]))


def test_candidates_are_one_result_each():
    _, found = objects("-c abc -c '/regen 2'")
    first, second, third = [item for item in found if item["type"] == "result"]
    assert "candidate" not in first
    assert [(item["op"], item["candidate"], item["branch"], item["line"]) for item in (second, third)] == [
        ("generate", 1, "main.2", 2),
        ("generate", 2, "main.3", 2),
    ]


def test_the_named_fields_of_commands_are_the_whole_result():
    _, found = objects("-c '/feed abc' -c '/top 2' -c '/score ab' -c /branches -c /info -c /models")
    top, score, branches, info, models = found[2:-1]
    assert (list(top), list(top["top"][0])) == (
        ["type", "line", "op", "top"],
        ["id", "text", "logprob", "chain_logprob", "bytes"],
    )
    first = ["type", "line", "op", "logprob", "nats", "bits_per_char", "perplexity"]
    assert list(score) == [*first, "bits", "surprisal_nats", "surprisal_bits", "tokens"]
    both_units = ["surprisal_nats", "surprisal_bits", "entropy_nats", "entropy_bits"]
    assert list(score["tokens"][0]) == ["text", "logprob", "rank", "id", "bytes", *both_units]
    assert branches["branches"] == [{"name": "main", "pos": 3, "current": True}]
    described = {
        "model",
        "task",
        "architecture",
        "owner",
        "parameters",
        "vocabulary",
        "fingerprint",
        "backend",
        "threads",
        "weights",
    }
    assert described == set(info) - {"type", "line", "op"}
    assert list(models) == ["type", "line", "op", "models"]


def test_tables_are_text_and_data():
    _, found = objects("-c /plugins")
    assert list(found[1]) == ["type", "line", "op", "text", "data"]
    assert found[1]["data"][0]["columns"][0] == "plugin"


def test_a_script_within_a_script_has_a_result_for_each_line_and_one_at_the_end(tmp_path):
    (tmp_path / "inner.seq").write_text("/feed a\n/top 1\nab\n/text\n")
    code, found = objects("-c '/source inner.seq' -c /text")
    assert code == 0
    assert [(item["op"], item["line"]) for item in found[1:-1]] == [
        ("/top", 1),
        ("generate", 1),
        ("/text", 1),
        ("/source", 1),
        ("/text", 2),
    ]
    assert found[3]["text"] == found[5]["text"]


def test_lines_of_several_sources_have_a_file(tmp_path):
    (tmp_path / "a.seq").write_text("/feed a\n")
    _, found = objects("-c '/feed b' a.seq")
    assert [(item["file"], item["line"]) for item in found[1:-1]] == [("-c", 1), ("a.seq", 1)]


def test_a_start_that_fails_is_an_error_and_the_end():
    code, found = objects("-m nowhere -c a")
    assert (code, [item["type"] for item in found]) == (3, ["error", "end"])
    assert found[0]["code"] == "checkpoint"
    assert found[1] == {"type": "end", "lines": 0, "ok": 0, "failed": 0, "exit": 3}
    code, found = objects("", '/text\n"""\n')
    assert found[-2]["line"] == 2
    assert found[-1] == {"type": "end", "lines": 2, "ok": 1, "failed": 1, "exit": 2}


def test_the_same_lines_give_the_same_bytes():
    words = "--json=stream --seed 3 -c abc -c '/regen 2' -c '/score ab' -c /state"
    first, second = seqshell(words)[1], seqshell(words)[1]
    assert first == second
    assert first != seqshell(words.replace("3", "4"))[1]


def test_text_and_json_are_two_renderings_of_the_same_answers():
    lines = "-c abc -c '/undo 2t' -c /continue -c '/temperature' --on-error=continue"
    assert seqshell(lines)[1] == "".join(
        text if text.endswith("\n") else text + "\n" for text in answers(objects(lines)[1])
    )
