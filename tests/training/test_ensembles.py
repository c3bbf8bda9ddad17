"""Ensembles, A+B: their distributions and metrics beside the means computed by hand."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import torch

from seqshell.cli import main
from seqshell.core.errors import SeqshellError
from seqshell.core.events import Translation
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK, CharTokenizer
from seqshell.host import resolve
from seqshell.models.opening import open_model
from seqshell.models.saving import save_checkpoint
from seqshell.shell.opening import start_session
from seqshell.shell.startup import Options, build_shell
from seqshell.training.evaluation import evaluate_model
from seqshell.training.torch_module import torch_module

WORDS = "a dog runs and the cat sees it"
PAIRS = (("a dog runs", "the cat sees it"), ("the cat", "a dog"), ("it sees a cat", "and the dog runs"))
DATA = {"name": "pairs.tsv", "sha256": ""}


def saved(folder, registry, name, seed, architecture, tokenizer, sizes, labels=(), **config):
    """A checkpoint with random weights in the user's folder."""
    (folder / "home" / "models").mkdir(parents=True, exist_ok=True)
    spec = registry.lookup("architecture", architecture)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = resolve(spec.model)(resolve(spec.config)(*sizes, **config))
        for parameter in module.parameters():
            parameter.data.mul_(3)  # makes the probabilities differ
    return save_checkpoint(
        folder / "home" / "models" / f"{name}.safetensors",
        architecture=architecture,
        module=module,
        tokenizer=tokenizer,
        labels=labels,
        source_tokenizer=tokenizer if architecture == "attention_seq2seq" else None,
        provenance={"data": DATA},
        registry=registry,
    )


@pytest.fixture
def translators(folder, home, registry):
    """Two translation models, a and b, of different sizes, and their pairs in pairs.tsv."""
    tokenizer = WordTokenizer.train([WORDS], specials=True)
    for seed, (name, size) in enumerate({"a": 5, "b": 7}.items()):
        sizes = {"embed_size": 4, "encoder_size": 3, "hidden_size": size}
        saved(folder, registry, name, seed, "attention_seq2seq", tokenizer, [tokenizer.size] * 2, **sizes)
    (folder / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    return [open_model(name, registry) for name in "ab"]


def of_modules(modules, inputs, *source):
    """The mean of the probabilities [T, V] of the modules for inputs [T]."""
    found = []
    with torch.inference_mode():
        for module in modules:
            state = module.encode(*source) if source else module.initial_state(1)
            found.append(module(torch.tensor([inputs]), state)[0][0].softmax(-1).double().numpy())
    return np.mean(found, axis=0)


def encoded(model, text):
    ids = [*model.tokenizer.encode(text), EOS]
    return torch.tensor([ids]), torch.tensor([len(ids)])


def translation(event_source):
    (found,) = [event for event in event_source if isinstance(event, Translation)]
    return found


def test_greedy_translations_are_those_of_the_averaged_probabilities(translators, registry):
    modules = [torch_module(each, registry) for each in translators]
    session, differ = start_session(open_model("a+b", registry), registry), 0
    for source, _ in PAIRS:
        ids = [BOS]
        while ids[-1] != EOS and len(ids) <= 12:
            mean = of_modules(modules, ids, *encoded(translators[0], source))[-1]
            mean[[PAD, BOS, UNK]] = 0
            ids.append(int(mean.argmax()))
        expected = b"".join(map(translators[0].tokenizer.piece, [each for each in ids if each != EOS])).decode().strip()
        own = [translation(start_session(each, registry).translate(source, 12)).answer for each in translators]

        assert translation(session.translate(source, 12)).answer == expected
        differ += expected not in own
    assert differ  # else one of the models alone would pass


def test_the_beam_finds_what_the_averaged_probabilities_make_likely(translators, registry):
    modules = [torch_module(each, registry) for each in translators]
    shell = build_shell(Options(model="a+b", no_plugins=True, settings=(("max_tokens", "6"),)))
    list(shell.run("/strategy beam width=4 length_penalty=0"))
    found = translation(shell.run("the cat"))
    ids = [BOS, *translators[0].tokenizer.encode(found.answer), *([EOS] if found.stop == "end" else [])]
    mean = of_modules(modules, ids[:-1], *encoded(translators[0], "the cat"))

    expected = float(np.log(mean[range(len(ids) - 1), ids[1:]]).sum())
    assert found.log_prob == pytest.approx(expected, abs=1e-4)


def test_evaluate_translations_gives_the_ensemble_beside_its_members(translators, registry, folder, capsys):
    modules, nats, num_tokens = [torch_module(each, registry) for each in translators], 0.0, 0
    for source, target in PAIRS:
        ids = [BOS, *translators[0].tokenizer.encode(target), EOS]
        mean = of_modules(modules, ids[:-1], *encoded(translators[0], source))
        nats -= np.log(mean[range(len(ids) - 1), ids[1:]]).sum()
        num_tokens += len(ids) - 1

    options = ["--training", "pairs.tsv", "--no-plugins", "--device", "cpu", "-o", "values.json"]
    assert main(["evaluate", "a+b", "pairs.tsv", *options]) == 0
    values = json.loads((folder / "values.json").read_text())
    assert (values["model"], values["baselines_from"]) == ("a+b", len(PAIRS))
    assert values["nats"] == pytest.approx(nats / num_tokens, abs=1e-5)
    assert [each["model"] for each in values["members"]] == ["a", "b"]
    for each, name in zip(values["members"], "ab", strict=True):
        own = evaluate_model(name, "pairs.tsv", registry, device="cpu")
        assert (each["nats"], each["chrf"]) == pytest.approx((own["nats"], own["chrf"]), abs=1e-5)
        assert "baselines" not in each
    *_, head, ensemble, a, b = capsys.readouterr().out.splitlines()
    assert head.split() == ["model", "BLEU", "chrF", "exact", "perplexity"]
    assert [line.split()[0] for line in (ensemble, a, b)] == ["a+b", "a", "b"]
    assert ensemble.split()[-1] == f"{math.exp(nats / num_tokens):.3f}"


def test_evaluate_language_models_as_the_mean_of_their_probabilities(folder, home, registry, capsys):
    for seed, (name, kind) in enumerate({"a": "lstm", "b": "gru"}.items()):
        saved(folder, registry, name, seed, kind, CharTokenizer("abc"), [3], embed_size=3, hidden_size=5 + seed)
    (folder / "text.txt").write_text("abcabbca" * 9)
    modules = [torch_module(open_model(name, registry), registry) for name in "ab"]
    ids = CharTokenizer("abc").encode("abcabbca" * 9)
    mean = of_modules(modules, ids[:-1])
    expected = float(-np.log(mean[range(len(ids) - 1), ids[1:]]).mean())

    assert main(["evaluate", "a+b", "text.txt", "--no-plugins", "--device", "cpu"]) == 0
    *_, head, ensemble, a, b = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["model", "surprisal"]
    assert ensemble.split()[:2] == ["a+b", f"{expected:.4f}"]
    single = [evaluate_model(name, "text.txt", registry, device="cpu")["nats"]["carry"] for name in "ab"]
    assert [line.split()[1] for line in (a, b)] == [f"{each:.4f}" for each in single]


@pytest.mark.parametrize("architecture", ["classifier", "bidirectional_classifier"])
def test_classifiers_are_averaged_in_a_shell_and_in_evaluate(folder, home, registry, architecture, capsys):
    tokenizer, texts = CharTokenizer("abc", specials=True), ["ab", "cab", "bb"]
    for seed, name in enumerate("ab"):
        sizes = {"embed_size": 3, "hidden_size": 4 + seed}
        saved(folder, registry, name, seed, architecture, tokenizer, [tokenizer.size, 2], ("x", "y"), **sizes)
    rows = list(zip(texts, "xyx", strict=True))
    (folder / "rows.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    modules = [torch_module(open_model(name, registry), registry) for name in "ab"]
    mean = [of_modules(modules, tokenizer.encode(text))[-1] for text in texts]

    session = start_session(open_model("a+b", registry), registry)
    for text, probs in zip(texts, mean, strict=True):
        label = session.classify(text)
        assert dict(label.probs) == pytest.approx(dict(zip("xy", probs, strict=True)), abs=1e-5)

    assert main(["evaluate", "a+b", "rows.tsv", "--no-plugins", "--device", "cpu", "-o", "values.json"]) == 0
    values = json.loads((folder / "values.json").read_text())
    assert ["baselines" in each for each in (values, *values["members"])] == [True, False, False]
    nats = -np.log([probs["xy".index(label)] for probs, (_, label) in zip(mean, rows, strict=True)]).mean()
    *_, ensemble, _, _ = capsys.readouterr().out.splitlines()
    assert ensemble.split()[-2:] == [f"{nats:.4f}", "nats"]


def test_several_m_are_an_ensemble_in_the_shell_and_in_files(translators, folder, capsys):
    assert main(["--no-plugins", "-m", "a", "-m", "b", "--messages", "--set", "max_tokens=5", "pairs.tsv"]) == 0
    messages = capsys.readouterr().out
    assert main(["--no-plugins", "-m", "a+b", "--set", "max_tokens=5", "-c", "/translate @pairs.tsv"]) == 0
    assert capsys.readouterr().out == messages
    assert len(messages.splitlines()) == 3


def test_an_open_ensemble_is_found_by_its_name_and_its_files(translators, folder):
    shell = build_shell(Options(model="a", no_plugins=True))
    list(shell.run("/translate -m a+b the cat"))
    assert list(shell.workspace.sessions) == ["a", "a+b"]
    assert shell.workspace.current == "a"
    list(shell.run("/load ./home/models/a.safetensors+./home/models/b.safetensors"))
    list(shell.run("/translate -m ./home/models/a.safetensors+b the cat"))
    assert list(shell.workspace.sessions) == ["a", "a+b"]
    assert shell.workspace.current == "a+b"
    list(shell.run("/save kept"))
    assert list(build_shell(Options(restore="kept", no_plugins=True)).workspace.sessions) == ["a+b"]


def test_a_path_with_the_sign_is_not_divided(translators, folder, registry):
    (folder / "c++").mkdir()
    path = (folder / "home" / "models" / "a.safetensors").rename(folder / "c++" / "a+.safetensors")

    assert open_model(str(path), registry).name == "a+"
    assert open_model(f"{path}+b", registry).name == "a++b"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("a+zz", "no model 'zz'"),
        ("zz+a", "no model 'zz';"),
        ("zz+yy", "no model 'zz+yy';"),
        ("numbers+zz", "no model 'numbers'; seqshell train numbers makes it"),
        ("a+", "no model ''"),
        ("a+a", "a is named twice; an ensemble needs different models"),
        ("a+c", "c has another vocabulary than a (6 and 12 tokens), so they cannot be mixed"),
        ("a+d", "d is for generate, and a for translate"),
    ],
)
def test_what_is_no_ensemble_is_refused_in_one_line(translators, folder, registry, capsys, word, message):
    few, size = WordTokenizer.train(["a dog"], specials=True), {"embed_size": 2, "hidden_size": 3}
    saved(folder, registry, "c", 0, "attention_seq2seq", few, [few.size] * 2, encoder_size=3, **size)
    saved(folder, registry, "d", 0, "lstm", CharTokenizer("abc"), [3], **size)

    with pytest.raises(SeqshellError, match=re.escape(message)):
        open_model(word, registry)
    assert main(["evaluate", word, "pairs.tsv", "--no-plugins"]) in (2, 3)
    (line,) = capsys.readouterr().err.splitlines()[:1]
    assert message in line


def test_an_ensemble_has_no_other_precision(translators, registry):
    with pytest.raises(SeqshellError, match="the models of an ensemble have weights in float32, not int8"):
        open_model("a+b", registry, "int8")


def test_held_out_data_is_known_only_if_all_were_trained_on_it(translators, registry):
    assert open_model("a+b", registry).header["provenance"] == {"data": DATA}
