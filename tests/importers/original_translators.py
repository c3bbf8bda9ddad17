"""The encoder-decoders of published programs, small, with the names of their weights. model(source, target) -> logits.

source, target: ids [S] and [T]; logits: [T, V], after each token of the target.
"""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

E, N, H = 5, 4, 6


class Bentrevett(nn.Module):
    """The notebooks by number."""

    def __init__(self, number: int, size_in: int, size_out: int) -> None:
        super().__init__()
        self.number = number
        units = N if number == 3 else H
        rnn = nn.LSTM if number == 1 else nn.GRU
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.embedding, self.decoder.embedding = nn.Embedding(size_in, E), nn.Embedding(size_out, E)
        self.encoder.rnn = rnn(E, units, 2 if number == 1 else 1, bidirectional=number == 3)
        extra = {1: 0, 2: H, 3: 2 * N}[number]
        self.decoder.rnn = rnn(E + extra, H, 2 if number == 1 else 1)
        self.decoder.fc_out = nn.Linear({1: H, 2: E + 2 * H, 3: E + 2 * N + H}[number], size_out)
        if number == 3:
            self.encoder.fc = nn.Linear(2 * N, H)
            self.decoder.attention = nn.Module()
            self.decoder.attention.attn = nn.Linear(2 * N + H, H)
            self.decoder.attention.v = nn.Linear(H, 1, bias=False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        outputs, state = self.encoder.rnn(self.encoder.embedding(source))  # [S, M]
        if self.number == 3:
            state = torch.tanh(self.encoder.fc(torch.cat((state[-2], state[-1]))))[None]
        logits, context = [], state
        for token in target:
            embedded = self.decoder.embedding(token)[None]  # [1, E]
            if self.number == 1:
                output, state = self.decoder.rnn(embedded, state)
                logits.append(self.decoder.fc_out(output[0]))
            elif self.number == 2:
                _, state = self.decoder.rnn(torch.cat((embedded, context), 1), state)
                logits.append(self.decoder.fc_out(torch.cat((embedded, state, context), 1)[0]))
            else:
                joint = torch.cat((state.expand(len(outputs), -1), outputs), 1)
                scores = self.decoder.attention.v(torch.tanh(self.decoder.attention.attn(joint)))[:, 0]
                weighted = (scores.softmax(0) @ outputs)[None]
                output, state = self.decoder.rnn(torch.cat((embedded, weighted), 1), state)
                logits.append(self.decoder.fc_out(torch.cat((output, weighted, embedded), 1)[0]))
        return torch.stack(logits)


class Joey(nn.Module):
    def __init__(
        self, size_in: int, size_out: int, kind: str, layers: int, *, attention: str, feeds: bool, bridge: bool
    ) -> None:
        super().__init__()
        rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        self.layers, self.feeds, self.is_lstm = layers, feeds, kind == "lstm"
        self.src_embed, self.trg_embed, self.encoder, self.decoder = (nn.Module() for _ in range(4))
        self.src_embed.lut, self.trg_embed.lut = nn.Embedding(size_in, E), nn.Embedding(size_out, E)
        self.encoder.rnn = rnn(E, N, layers, batch_first=True, bidirectional=True)
        self.decoder.rnn = rnn(E + (H if feeds else 0), H, layers, batch_first=True)
        self.decoder.att_vector_layer = nn.Linear(H + 2 * N, H)
        self.decoder.output_layer = nn.Linear(H, size_out, bias=False)
        self.decoder.attention = nn.Module()
        self.decoder.attention.key_layer = nn.Linear(2 * N, H, bias=False)
        if attention == "bahdanau":
            self.decoder.attention.query_layer = nn.Linear(H, H, bias=False)
            self.decoder.attention.energy_layer = nn.Linear(H, 1, bias=False)
        if bridge:
            self.decoder.bridge_layer = nn.Linear(2 * N, H)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        decoder, attention = self.decoder, self.decoder.attention
        outputs, state = self.encoder.rnn(self.src_embed.lut(source)[None])
        final = state[0] if self.is_lstm else state  # [layers * 2, 1, N]
        hidden = torch.zeros(self.layers, 1, H)
        if hasattr(decoder, "bridge_layer"):
            hidden = torch.tanh(decoder.bridge_layer(torch.cat((final[-2], final[-1]), 1)))[None].repeat(
                self.layers, 1, 1
            )
        state = (hidden, hidden) if self.is_lstm else hidden
        keys, vector, logits = attention.key_layer(outputs[0]), torch.zeros(1, 1, H), []
        for token in target:
            embedded = self.trg_embed.lut(token)[None, None]
            query, state = decoder.rnn(torch.cat((embedded, vector), 2) if self.feeds else embedded, state)
            if hasattr(attention, "energy_layer"):
                scores = attention.energy_layer(torch.tanh(attention.query_layer(query[0]) + keys))[:, 0]
            else:
                scores = keys @ query[0, 0]
            context = (scores.softmax(0) @ outputs[0])[None, None]
            vector = torch.tanh(decoder.att_vector_layer(torch.cat((query, context), 2)))
            logits.append(decoder.output_layer(vector)[0, 0])
        return torch.stack(logits)


class OpenNMT(nn.Module):
    def __init__(self, size_in: int, size_out: int, kind: str, layers: int, *, feeds: bool, attention: str) -> None:
        super().__init__()
        self.feeds, self.is_lstm, self.count = feeds, kind == "LSTM", layers
        self.encoder, self.decoder = nn.Module(), nn.Module()
        for part, size in ((self.encoder, size_in), (self.decoder, size_out)):
            part.embeddings = nn.Module()
            part.embeddings.make_embedding = nn.Module()
            part.embeddings.make_embedding.emb_luts = nn.ModuleList([nn.Embedding(size, E)])
        self.encoder.rnn = getattr(nn, kind)(E, H // 2, layers, bidirectional=True)
        self.decoder.attn = nn.Module()
        if attention == "general":
            self.decoder.attn.linear_in = nn.Linear(H, H, bias=False)
        self.decoder.attn.linear_out = nn.Linear(2 * H, H, bias=False)
        if feeds:
            self.decoder.rnn = nn.Module()
            cell = getattr(nn, f"{kind}Cell")
            self.decoder.rnn.layers = nn.ModuleList(cell(size, H) for size in [E + H] + [H] * (layers - 1))
        else:
            self.decoder.rnn = getattr(nn, kind)(E, H, layers)
        self.generator = nn.Sequential(nn.Linear(H, size_out), nn.LogSoftmax(-1))

    def _attend(self, query: Tensor, memory: Tensor) -> Tensor:
        attn = self.decoder.attn
        weights = (memory @ (attn.linear_in(query) if hasattr(attn, "linear_in") else query)).softmax(0)
        return torch.tanh(attn.linear_out(torch.cat((weights @ memory, query))))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, state = self.encoder.rnn(self.encoder.embeddings.make_embedding.emb_luts[0](source))
        states = [torch.cat((part[0::2], part[1::2]), 1) for part in (state if self.is_lstm else (state,))]
        embedded = self.decoder.embeddings.make_embedding.emb_luts[0](target)
        vector, vectors = torch.zeros(H), []
        if not self.feeds:
            queries, _ = self.decoder.rnn(embedded, tuple(states) if self.is_lstm else states[0])
            vectors = [self._attend(query, memory) for query in queries]
        else:
            parts = [[part[layer] for part in states] for layer in range(self.count)]
            for embedding in embedded:
                value = torch.cat((embedding, vector))
                for layer, cell in enumerate(self.decoder.rnn.layers):
                    found = cell(value, tuple(parts[layer]) if self.is_lstm else parts[layer][0])
                    parts[layer] = list(found) if self.is_lstm else [found]
                    value = parts[layer][0]
                vector = self._attend(value, memory)
                vectors.append(vector)
        logits: Tensor = self.generator[0](torch.stack(vectors))
        return logits


class Chatbot(nn.Module):
    def __init__(self, size: int, attention: str) -> None:
        super().__init__()
        self.method = attention
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.embedding = self.decoder.embedding = nn.Embedding(size, H)
        self.encoder.gru = nn.GRU(H, H, 2, bidirectional=True)
        self.decoder.gru = nn.GRU(H, H, 2)
        self.decoder.concat, self.decoder.out = nn.Linear(2 * H, H), nn.Linear(H, size)
        self.decoder.attn = nn.Module()
        if attention != "dot":
            self.decoder.attn.attn = nn.Linear(H if attention == "general" else 2 * H, H)
        if attention == "concat":
            self.decoder.attn.v = nn.Parameter(torch.zeros(H))

    def _scores(self, query: Tensor, outputs: Tensor) -> Tensor:
        attn = self.decoder.attn
        if self.method == "concat":
            joint = torch.cat((query.expand(len(outputs), -1), outputs), 1)
            return attn.attn(joint).tanh() @ attn.v  # type: ignore[no-any-return]  # modules are made here
        return (outputs if self.method == "dot" else attn.attn(outputs)) @ query

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        outputs, hidden = self.encoder.gru(self.encoder.embedding(source))
        outputs, hidden = outputs[:, :H] + outputs[:, H:], hidden[:2]
        logits = []
        for token in target:
            query, hidden = self.decoder.gru(self.decoder.embedding(token)[None], hidden)
            context = self._scores(query[0], outputs).softmax(0) @ outputs
            logits.append(self.decoder.out(torch.tanh(self.decoder.concat(torch.cat((query[0], context))))))
        return torch.stack(logits)


class TutorialPart(nn.Module):
    """An encoder or a decoder, whose parts are added."""


class Tutorial(nn.Module):
    """places: MAX_LENGTH of the older AttnDecoderRNN, with a weight for each; 0: the other decoders."""

    def __init__(self, size_in: int, size_out: int, attends: bool, places: int = 0) -> None:
        super().__init__()
        self.encoder, self.decoder = TutorialPart(), TutorialPart()
        self.encoder.embedding, self.decoder.embedding = nn.Embedding(size_in, H), nn.Embedding(size_out, H)
        self.encoder.gru = nn.GRU(H, H, batch_first=True)
        self.decoder.gru = nn.GRU(2 * H if attends else H, H, batch_first=True)
        self.decoder.out = nn.Linear(H, size_out)
        if attends:
            self.decoder.attention = nn.Module()
            self.decoder.attention.Wa, self.decoder.attention.Ua = nn.Linear(H, H), nn.Linear(H, H)
            self.decoder.attention.Va = nn.Linear(H, 1)
        if places:
            self.decoder.attn, self.decoder.attn_combine = nn.Linear(2 * H, places), nn.Linear(2 * H, H)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        keys, hidden = self.encoder.gru(self.encoder.embedding(source)[None])
        logits = []
        for token in target:
            embedded = self.decoder.embedding(token)[None, None]
            if hasattr(self.decoder, "attention"):
                attention = self.decoder.attention
                scores = attention.Va(torch.tanh(attention.Wa(hidden) + attention.Ua(keys)))[0, :, 0]
                embedded = torch.cat((embedded, (scores.softmax(0) @ keys[0])[None, None]), 2)
            elif hasattr(self.decoder, "attn"):
                outputs = torch.zeros(self.decoder.attn.out_features, H)
                outputs[: len(source)] = keys[0]
                weights = self.decoder.attn(torch.cat((embedded[0], hidden[0]), 1)).softmax(1)
                applied = torch.bmm(weights.unsqueeze(0), outputs.unsqueeze(0))
                output = torch.cat((embedded[0], applied[0]), 1)
                embedded = functional.relu(self.decoder.attn_combine(output).unsqueeze(0))
            else:
                embedded = functional.relu(embedded)
            output, hidden = self.decoder.gru(embedded, hidden)
            logits.append(self.decoder.out(output)[0, 0])
        return torch.stack(logits)


class Lang:
    """The tutorial's vocabulary."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.word2index = {word: number for number, word in enumerate(tokens) if number > 1}
        self.word2count = dict.fromkeys(self.word2index, 1)
        self.index2word = dict(enumerate(tokens))
        self.n_words = len(tokens)


class Vocab:
    """torchtext's, while `torchtext` is active."""


class Field:
    """torchtext's."""


class TextMultiField:
    """OpenNMT's."""


def _unknown() -> int:
    return 0


@contextlib.contextmanager
def torchtext() -> Iterator[None]:
    """Classes with the names of torchtext's and OpenNMT's, so that they can be saved."""
    homes = {
        "torchtext.vocab": (Vocab, _unknown),
        "torchtext.data.field": (Field,),
        "onmt.inputters.text_dataset": (TextMultiField,),
    }
    parents = [name for name in ("torchtext", "torchtext.data", "onmt", "onmt.inputters") if name not in sys.modules]
    sys.modules |= {name: ModuleType(name) for name in parents}
    before = {each: each.__module__ for found in homes.values() for each in found}
    for name, found in homes.items():
        sys.modules[name] = module = ModuleType(name)
        for each in found:
            each.__module__ = name
            setattr(module, each.__name__, each)
    try:
        yield
    finally:
        for name in (*homes, *parents):
            del sys.modules[name]
        for each, home in before.items():
            each.__module__ = home


def vocabularies(kind: str, source: list[str], target: list[str]) -> Any:
    """The entry `vocab` of a checkpoint: fields, pairs of name and vocabulary, or lists."""
    if kind == "lists":
        return {"src": source, "tgt": target, "data_task": "seq2seq", "decoder_start_token": "<s>"}
    made = {}
    for side, tokens in (("src", source), ("tgt", target)):
        vocab: Any = Vocab()
        stoi = defaultdict(_unknown, {token: number for number, token in enumerate(tokens)})
        vocab.__dict__ |= {"freqs": dict.fromkeys(tokens, 3), "stoi": stoi, "itos": tokens}
        field: Any = Field()
        field.__dict__ |= {"sequential": True, "pad_token": "<blank>", "tokenize": None, "vocab": vocab}
        multi: Any = TextMultiField()
        multi.fields = [(side, field)]
        made[side] = vocab if kind == "pairs" else multi
    return list(made.items()) if kind == "pairs" else made
