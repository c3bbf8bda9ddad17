"""A correct plugin: an architecture with a decoder, a sampler, a strategy, a tokenizer and a command."""

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

import seqshell


@dataclass(frozen=True)
class Config:
    vocab_size: int
    embed_size: int = seqshell.setting(16, low=1, help="size of the token embeddings")
    hidden_size: int = seqshell.setting(24, low=1, help="size of the memory")
    chunk: int = seqshell.setting(64, low=1, help="number of tokens that are read at once")
    gate: str = seqshell.setting("tanh", choices=("tanh", "linear"), help="function of the candidates")


class State(NamedTuple):
    """memory: [B, H]; last: [B, E], the embedding of the last token; count: [B], the number of tokens."""

    memory: Any
    last: Any
    count: Any


def model(config):
    """A leaky memory of what two neighbouring tokens say.

    c_t = tanh(W [x_t, x_(t-1)] + b)    m_t = a m_(t-1) + (1 - a) c_t    logits = R (m_t / (1 - a^t)) + d
    """
    import torch
    from torch import nn

    class Leaky(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
            self.mix = nn.Linear(2 * config.embed_size, config.hidden_size)
            self.decay = nn.Parameter(torch.linspace(0, 3, config.hidden_size))
            self.readout = nn.Linear(config.hidden_size, config.vocab_size)

        def initial_state(self, batch_size=1):
            weight = self.readout.weight
            memory = weight.new_zeros(batch_size, config.hidden_size)
            last = weight.new_zeros(batch_size, config.embed_size)
            return State(memory, last, torch.zeros(batch_size, dtype=torch.int64, device=weight.device))

        def forward(self, tokens, state):
            hidden = []
            for part in tokens.split(config.chunk, 1):
                outputs, state = self.read(self.embedding(part), state)
                hidden.append(outputs)
            return self.readout(torch.cat(hidden, 1)), state

        def read(self, inputs, state):
            before = torch.cat((state.last[:, None], inputs[:, :-1]), 1)
            candidates = self.mix(torch.cat((inputs, before), -1))
            if config.gate == "tanh":
                candidates = torch.tanh(candidates)
            decay = torch.sigmoid(self.decay)
            memory, hidden = state.memory, []
            for step in range(inputs.shape[1]):
                memory = decay * memory + (1 - decay) * candidates[:, step]
                count = state.count + step + 1
                hidden.append(memory / (1 - decay ** count[:, None]))
            return torch.stack(hidden, 1), State(memory, inputs[:, -1], count)

    return Leaky()


class Decoder:
    """The same in numpy."""

    def __init__(self, config, weights):
        self.config, self.weights = config, weights

    def initial_state(self, batch_size=1):
        memory = np.zeros((batch_size, self.config.hidden_size), np.float32)
        last = np.zeros((batch_size, self.config.embed_size), np.float32)
        return State(memory, last, np.zeros(batch_size, np.int64))

    def step(self, inputs, state):
        weights = self.weights
        here = weights["embedding.weight"][inputs]
        candidates = np.concatenate((here, state.last), 1) @ weights["mix.weight"].T + weights["mix.bias"]
        if self.config.gate == "tanh":
            candidates = np.tanh(candidates)
        decay = 1 / (1 + np.exp(-weights["decay"]))
        memory = decay * state.memory + (1 - decay) * candidates
        count = state.count + 1
        hidden = (memory / (1 - decay ** count[:, None])).astype(np.float32)
        return hidden @ weights["readout.weight"].T + weights["readout.bias"], State(memory, here, count)

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


@dataclass(frozen=True)
class Typical:
    """Keep the tokens whose information is near the entropy (Meister et al. 2023, arXiv:2202.00666)."""

    name: ClassVar[str] = "typical"
    mass: float = seqshell.setting(0.9, low=0.01, high=1, neutral=1, help="probability of the tokens to keep")

    def __call__(self, logits, context):
        if self.mass == 1:
            return logits
        log_probs = logits - np.logaddexp.reduce(logits)
        probs = np.exp(log_probs)
        information = np.where(probs > 0, -log_probs, np.inf)
        entropy = (probs[probs > 0] * information[probs > 0]).sum()
        order = np.argsort(np.abs(information - entropy), kind="stable")
        kept = order[: 1 + np.searchsorted(probs[order].cumsum(), self.mass)]
        shaped = np.full_like(logits, -np.inf)
        shaped[kept] = logits[kept]
        return shaped


@dataclass(frozen=True)
class Second:
    """The second most likely token, where there is one."""

    name: ClassVar[str] = "second"
    streams: ClassVar[bool] = True

    def search(self, decoder, start, request):
        chain = seqshell.Chain(request.samplers, excluded=request.excluded)
        outputs, state = start.outputs, start.state
        histories = [list(ids[:]) for ids in start.histories]
        memories = [memory or chain.first_memories() for memory in start.memories]
        for step in itertools.count():
            tokens = np.empty(len(histories), np.int64)
            for row, ids in enumerate(histories):
                if step < len(request.prefix):
                    tokens[row] = request.prefix[step]
                else:
                    context = seqshell.SampleContext(seqshell.History(ids), 0, step, request.tokenizer, answer=step)
                    logits = chain.logits(outputs[row], context, memories[row])
                    best, other = np.argsort(-logits, kind="stable")[:2]
                    tokens[row] = other if np.isfinite(logits[other]) else best
                    memories[row] = chain.updated(memories[row], int(tokens[row]), logits)
                ids.append(int(tokens[row]))
            outputs, state = decoder.step(tokens, state)
            yield seqshell.Advanced(tokens, state, outputs, tuple(memories))


class Letters(seqshell.CharTokenizer):
    """The built-in tokenizer under another name."""

    name: ClassVar[str] = "letters"


@seqshell.command("twice", usage="[N]")
def twice(shell, arguments):
    """Generate N tokens (default 4), twice; the state advances with every token.

    >>> /twice 3
    """
    for _ in range(2):
        yield from shell.session.generate(int(arguments.text or 4))


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture("leaky", seqshell.Task.GENERATE, config=Config, model=model, decoder=Decoder)


@seqshell.hookimpl
def seqshell_samplers():
    yield Typical


@seqshell.hookimpl
def seqshell_strategies():
    yield Second


@seqshell.hookimpl
def seqshell_tokenizers():
    yield Letters


@seqshell.hookimpl
def seqshell_commands():
    yield twice
