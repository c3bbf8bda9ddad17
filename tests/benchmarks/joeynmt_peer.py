"""Sentences per second of `/translate @FILE` and of JoeyNMT 2.3 with the same weights, beam 5, on all cores.

    python tests/benchmarks/joeynmt_peer.py FILE.de [--model german-english] [--sentences 1000] [--rounds 7]

/translate   the command in a shell, from text to text
default      JoeyNMT's `predict` with its default batches: 64 sentences in the order of the file. Its attentional
             vector has as many numbers as the decoder has units; those that ours does not have are zeros.
by hand      the same with the sentences sorted by length, and the attentional vector cut to the size that ours has

JoeyNMT gets the subwords, as words of a text. Its bridge cannot express a decoder that starts from each layer's h and
c, so that step is replaced here, as is the read-out, which has no bias in JoeyNMT. The contenders take turns in one
process; the medians of the rounds and their ratios are printed, and the share of equal translations.

Needs JoeyNMT, in an environment of its own:

    pip install -c constraints.txt --no-deps joeynmt==2.3.0
    pip install -c constraints.txt importlib_metadata sacremoses subword-nmt sentencepiece tensorboard sacrebleu \\
        matplotlib pandas datasets seaborn
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads it only once; torch has threads of its own.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import MethodType, SimpleNamespace
from typing import Any

import torch
from joeynmt.config import parse_test_args
from joeynmt.datasets import PlaintextDataset
from joeynmt.model import build_model
from joeynmt.prediction import predict
from joeynmt.tokenizers import BasicTokenizer
from joeynmt.vocabulary import Vocabulary
from torch import Tensor, nn

from seqshell.core.model import Model
from seqshell.core.threads import available_cores
from seqshell.core.tokenizers import BOS, EOS, PAD
from seqshell.host.builtin import load_registry
from seqshell.models.opening import open_model
from seqshell.shell.shell import Shell
from seqshell.training.torch_module import torch_module

WIDTH = 5
SPECIAL = SimpleNamespace(
    unk_token="<unk>",
    unk_id=0,
    pad_token="<pad>",
    pad_id=1,
    bos_token="<s>",
    bos_id=2,
    eos_token="</s>",
    eos_id=3,
    sep_token=None,
    sep_id=None,
    lang_tags=[],
)


class Peer:
    """JoeyNMT with the weights of a model of this project: LSTM, general attention after the layers, one vocabulary."""

    def __init__(self, model: Model, module: Any, *, cut: bool) -> None:
        """cut: whether the attentional vector has the size that the model has, which JoeyNMT cannot be told."""
        self.names = ["<unk>", "<pad>", "<s>", "</s>", *(f"t{token}" for token in range(4, model.tokenizer.size))]
        self.vocabulary = Vocabulary(self.names[4:], SPECIAL)
        config = module.config
        rnn = {"rnn_type": "lstm", "dropout": 0.0, "embeddings": {"embedding_dim": config.embed_size, "scale": True}}
        self.model = build_model(
            {
                "tied_embeddings": True,
                "encoder": {
                    **rnn,
                    "type": "recurrent",
                    "hidden_size": config.encoder_size,
                    "num_layers": config.encoder_layers,
                    "bidirectional": True,
                },
                "decoder": {
                    **rnn,
                    "type": "recurrent",
                    "hidden_size": config.hidden_size,
                    "num_layers": config.num_layers,
                    "attention": "luong",
                    "input_feeding": False,
                },
            },
            src_vocab=self.vocabulary,
            trg_vocab=self.vocabulary,
        )
        self._copy(module.state_dict(), model.tokenizer.unk, cut)
        self.model.eval()
        self.model.loss_function = ("crossentropy", 0.0)

    def translate(self, sources: list[list[int]], unk: int) -> tuple[list[list[str]], float]:
        """The translations as names of tokens, and the seconds that JoeyNMT took. sources: ids without EOS."""
        with tempfile.TemporaryDirectory() as folder:
            text = "".join(
                " ".join("<unk>" if token == unk else f"t{token}" for token in ids) + "\n" for ids in sources
            )
            Path(folder, "test.de").write_text(text, "utf-8")
            start = time.perf_counter()
            tokenizers = {side: BasicTokenizer(level="word") for side in ("de", "en")}
            for tokenizer in tokenizers.values():
                tokenizer.set_vocab(self.vocabulary)
            encode = partial(self.vocabulary.sentences_to_ids, bos=False, eos=True)
            data = PlaintextDataset(
                path=str(Path(folder, "test")),
                src_lang="de",
                trg_lang="en",
                split="test",
                has_trg=False,
                has_prompt={"de": False, "en": False},
                tokenizer=tokenizers,
                sequence_encoder={"de": encode, "en": None},
            )
            arguments = parse_test_args({"beam_size": WIDTH, "beam_alpha": 1.0, "generate_unk": False})
            found = predict(
                self.model,
                data,
                torch.device("cpu"),
                0,
                args=arguments,
                autocast={"device_type": "cpu", "enabled": False},
            )[3]
        return [[name for name in words if name != "</s>"] for words in found], time.perf_counter() - start

    def _copy(self, weights: dict[str, Tensor], unk: int, cut: bool) -> None:
        """Give JoeyNMT's model the weights."""
        order = [unk, PAD, BOS, EOS, *range(4, len(self.names))]
        model, encoder, decoder = self.model, self.model.encoder, self.model.decoder
        size = decoder.hidden_size
        embedding, attended = weights["target_embedding.weight"][order], weights["attended.weight"]
        readout = embedding.shape[1] if cut else size
        decoder.att_vector_layer = nn.Linear(attended.shape[1], readout)
        decoder.output_layer = nn.Linear(readout, len(self.names))
        with torch.no_grad():
            model.src_embed.lut.weight.copy_(embedding)
            for side, rnn in (("encoder", encoder.rnn), ("decoder", decoder.rnn)):
                for name, parameter in rnn.named_parameters():  # weight_ih_l1_reverse
                    kind, _, place = name.rpartition("_l")
                    layer, _, way = place.partition("_")
                    parameter.copy_(weights[f"{side}.{layer}.{kind}_l0" + (f"_{way}" if way else "")])
            decoder.attention.key_layer.weight.copy_(weights["attention.keys_of.weight"] * size**-0.5)
            for parameter in (*decoder.att_vector_layer.parameters(), decoder.output_layer.weight):
                parameter.zero_()
            rows = len(attended)
            # JoeyNMT's input is [hidden, context]
            decoder.att_vector_layer.weight[:rows] = torch.cat((attended[:, -size:], attended[:, :-size]), 1)
            decoder.att_vector_layer.bias[:rows] = weights["attended.bias"]
            decoder.output_layer.weight[:, :rows] = embedding
            decoder.output_layer.bias.copy_(weights["readout.bias"][order])
        final: list[Any] = []
        encoder.rnn.register_forward_hook(lambda *call: final.append(call[-1][1]))

        def start(self: Any, encoded: Tensor) -> tuple[Tensor, ...]:
            """Both directions of each encoder layer, hidden state and cell, [L, B, H]."""
            state = final.pop()
            final.clear()
            return tuple(part.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2) for part in state)

        decoder._init_hidden = MethodType(start, decoder)
        if cut:  # it is checked that the attentional vector has the size of the decoder
            decoder._check_shapes_input_forward = lambda **_: None
            decoder._check_shapes_input_forward_step = lambda **_: None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="one sentence on each line")
    parser.add_argument("--model", default="german-english")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    logging.disable()
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(available_cores())
    lines = options.file.read_text("utf-8").splitlines()[: options.sentences]
    registry = load_registry()
    model = open_model(options.model, registry)
    assert model.source_tokenizer is not None  # it translates
    unk = model.tokenizer.unk
    sources = [model.source_tokenizer.encode(" ".join(line.split())) for line in lines]
    order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
    module = torch_module(model, registry)
    default, by_hand = (Peer(model, module, cut=cut) for cut in (False, True))
    shell = Shell(registry)
    list(shell.run(f"/load {options.model}"))
    list(shell.run(f"/strategy beam width={WIDTH}"))
    found: dict[str, list[str]] = {}

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            file, answer = Path(folder, "lines.txt"), Path(folder, "answer.txt")
            file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            start = time.perf_counter()
            for _ in shell.run(f"/translate -o {answer} @{file}"):
                pass
            seconds = time.perf_counter() - start
            found["/translate"] = answer.read_text("utf-8").splitlines()
        return seconds

    def texts(answers: list[list[str]]) -> list[str]:
        """Names of tokens as text."""
        pieces = [b"".join(model.tokenizer.piece(int(name[1:])) for name in answer) for answer in answers]
        return [piece.decode("utf-8", "replace").strip() for piece in pieces]

    def as_shipped() -> float:
        answers, seconds = default.translate(sources, unk)
        found["default"] = texts(answers)
        return seconds

    def sorted_by_hand() -> float:
        answers, seconds = by_hand.translate([sources[number] for number in order], unk)
        found["by hand"] = [text for _, text in sorted(zip(order, texts(answers), strict=True))]
        return seconds

    contenders: dict[str, Callable[[], float]] = {
        "/translate": ours,
        "default": as_shipped,
        "by hand": sorted_by_hand,
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(options.rounds + 1):
        for name, work in contenders.items():
            seconds = work()
            if number:
                taken[name].append(seconds)
                print(f"round {number}: {name} {seconds:.2f} s", flush=True)
    speeds = {name: len(lines) / median(each) for name, each in taken.items()}
    backend = getattr(model.decoder, "backend", "numpy")
    print(f"sentences/s, {len(lines):,} sentences, beam {WIDTH}, {available_cores()} cores, {backend}:")
    for name, speed in speeds.items():
        equal = sum(map(str.__eq__, found[name], found["/translate"])) / len(lines)
        ratio = speeds["/translate"] / speed
        print(f"{name:12} {speed:7.1f} · /translate over it {ratio:.2f}x · equal translations {equal:.1%}")


if __name__ == "__main__":
    main()
