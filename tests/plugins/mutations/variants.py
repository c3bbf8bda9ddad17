"""Variants of plugin.py: 19 mutations with one mistake each, and 12 that are unusual, but correct.

Each is a list of changes of its text: what is replaced, and by what. {0} in the second stands for the first.
"""

from pathlib import Path

PLUGIN = (Path(__file__).parent / "plugin.py").read_text(encoding="utf-8")
Changes = list[tuple[str, str]]

# Lines of plugin.py.
CHUNKS = "for part in tokens.split(config.chunk, 1):\n"
SIZE = "seqshell.setting(64, low=1"
BEFORE = "            before = torch.cat((state.last[:, None], inputs[:, :-1]), 1)\n"
TANH = "candidates = torch.tanh(candidates)\n"
START = "memory, hidden = state.memory, []\n"
STEP = "memory = decay * memory + (1 - decay) * candidates[:, step]\n"
COUNT = "count = state.count + step + 1\n"
HIDDEN = "hidden.append(memory / (1 - decay ** count[:, None]))\n"
RETURN = "return torch.stack(hidden, 1), State(memory, inputs[:, -1], count)\n"
ZEROS = "memory = weight.new_zeros(batch_size, config.hidden_size)\n"
FIRST = "return State(memory, last, torch.zeros(batch_size, dtype=torch.int64, device=weight.device))\n"
DECAY = "self.decay = nn.Parameter(torch.linspace(0, 3, config.hidden_size))\n"
SIGMOID = "decay = torch.sigmoid(self.decay)\n"
DECODER = ", decoder=Decoder"
DECODER_DECAY = 'decay = 1 / (1 + np.exp(-weights["decay"]))\n'
DECODER_COUNT = "count = state.count + 1\n"
DECODER_STEP = "memory = decay * state.memory + (1 - decay) * candidates\n"
FEED = "        for column in inputs.T:\n"
ENTROPY = "entropy = (probs[probs > 0]"

INDENT = " " * 12
LOOP = "for step in range(inputs.shape[1]):\n"

MUTATIONS: dict[str, Changes] = {
    "forward returns the state that it was given": [(RETURN, "return torch.stack(hidden, 1), state\n")],
    "forward writes into the state": [(RETURN, f"state.memory.copy_(memory.detach())\n{INDENT}{RETURN}")],
    "chunks of 4 tokens begin with an empty memory": [
        (CHUNKS, f"{{0}}{INDENT}    state = state._replace(memory=torch.zeros_like(state.memory))\n"),
        (SIZE, "seqshell.setting(4, low=1"),
    ],
    "chunks of 64 tokens begin without the last embedding": [
        (
            CHUNKS,
            "for number, part in enumerate(tokens.split(config.chunk, 1)):\n"
            f"{INDENT}    state = state._replace(last=state.last * (number == 0))\n",
        ),
    ],
    "a token sees the next one": [(BEFORE, "{0}            inputs = inputs + 0.1 * inputs.roll(-1, 1)\n")],
    "the mean of the batch is subtracted": [(RETURN, f"memory = memory - memory.mean(0)\n{INDENT}{{0}}")],
    "the memory is kept in the module": [
        (START, "memory, hidden = getattr(self, 'kept', state.memory)[: len(inputs)], []\n"),
        (RETURN, f"self.kept = memory.detach()\n{INDENT}{{0}}"),
    ],
    "dropout also works after training": [
        (TANH, f"candidates = nn.functional.dropout(candidates, 0.1)\n{INDENT}    {{0}}")
    ],
    "the batch is the second axis of the memory": [
        (ZEROS, "memory = weight.new_zeros(config.hidden_size, batch_size)\n"),
        (START, "memory, hidden = state.memory.T, []\n"),
        (RETURN, "return torch.stack(hidden, 1), State(memory.T, inputs[:, -1], count)\n"),
    ],
    "the count becomes a float": [
        (RETURN, "return torch.stack(hidden, 1), State(memory, inputs[:, -1], count.float())\n")
    ],
    "a weight is not a parameter": [
        (DECAY, "self.decay = torch.rand(config.hidden_size)\n"),
        (DECODER, ""),
    ],
    "a gradient is infinite": [
        (HIDDEN, "hidden.append((memory * 0).sqrt() + memory / (1 - decay ** count[:, None]))\n")
    ],
    "a choice of the config is not in the decoder": [
        (TANH, f"{{0}}{INDENT}else:\n{INDENT}    candidates = candidates.clamp(max=0.1)\n"),
    ],
    "the decoder leaves out a bias": [(' + weights["mix.bias"]\n', "\n")],
    "the decoder writes into the state": [(DECODER_COUNT, "count = state.count\n        count += 1\n")],
    "the decoder counts the tokens itself": [
        (
            DECODER_COUNT,
            "self.count = getattr(self, 'count', 0) + 1\n        count = state.count * 0 + self.count\n",
        ),
    ],
    "the decoder forgets what is older than 100 tokens": [
        (DECODER_STEP, "{0}        memory = np.where(state.count[:, None] == 100, 0, memory).astype(np.float32)\n"),
    ],
    "feed of the decoder uses the state of the first row": [
        (FEED, "        state = State(*(np.repeat(leaf[:1], len(inputs), 0) for leaf in state))\n{0}"),
    ],
    "a sampler has random numbers of its own": [
        (ENTROPY, "entropy = np.random.default_rng().normal() + (probs[probs > 0]"),
    ],
}

CORRECT: dict[str, Changes] = {
    "as it is": [],
    "without a decoder": [(DECODER, "")],
    "the count is an int32": [
        ("torch.int64", "torch.int32"),
        ("np.zeros(batch_size, np.int64)", "np.zeros(batch_size, np.int32)"),
    ],
    "chunks of 7 tokens": [(SIZE, "seqshell.setting(7, low=1")],
    "a chunk is computed in parallel": [
        (START, "steps = torch.arange(inputs.shape[1], device=inputs.device)\n"),
        (LOOP, "ages = (steps[:, None] - steps)[..., None]  # [T, T, 1]\n"),
        ("    " + STEP, "weights = torch.where(ages >= 0, (1 - decay) * decay ** ages.clamp(min=0), 0)  # [T, T, H]\n"),
        ("    " + COUNT, "read = torch.einsum('tsh,bsh->bth', weights, candidates)\n"),
        (
            "    " + HIDDEN,
            "memory = read + decay ** (steps[:, None] + 1) * state.memory[:, None]\n"
            f"{INDENT}count = state.count[:, None] + steps + 1\n",
        ),
        (
            RETURN,
            "return memory / (1 - decay ** count[..., None]), State(memory[:, -1], inputs[:, -1], count[:, -1])\n",
        ),
    ],
    "-inf in the state": [
        (DECODER, ""),
        (
            FIRST,
            "return State(memory, last, weight.new_full((batch_size,), -torch.inf))  # the logarithm of the count\n",
        ),
        (COUNT, "count = torch.logaddexp(state.count, torch.tensor(float(step + 1)).log())\n"),
        (HIDDEN, "hidden.append(memory / (1 - decay ** count.exp()[:, None]))\n"),
    ],
    "a complex memory": [
        (DECODER, ""),
        (ZEROS, "memory = weight.new_zeros(batch_size, config.hidden_size, dtype=torch.complex64)\n"),
        (STEP, "memory = torch.polar(decay, 3 * decay) * memory + (1 - decay) * candidates[:, step]\n"),
        (HIDDEN, "hidden.append(memory.real / (1 - decay ** count[:, None]))\n"),
    ],
    "a state that grows": [
        (DECODER, ', grows="axis"'),
        (
            "last = weight.new_zeros(batch_size, config.embed_size)\n",
            "last = weight.new_zeros(batch_size, 0, config.embed_size)\n",
        ),
        (
            BEFORE,
            f"{INDENT}every = torch.cat((state.last, inputs), 1)\n"
            f"{INDENT}before = nn.functional.pad(every, (0, 0, 1, 0))[:, -inputs.shape[1] - 1 : -1]\n",
        ),
        (RETURN, "return torch.stack(hidden, 1), State(memory, every, count)\n"),
    ],
    "a weight that is not trained": [
        (DECAY, 'self.register_buffer("decay", torch.linspace(0, 3, config.hidden_size))\n')
    ],
    "dropout in training": [
        (TANH, f"candidates = nn.functional.dropout(candidates, 0.1, self.training)\n{INDENT}    {{0}}"),
    ],
    "the decoder writes into a copy": [
        (
            DECODER_STEP,
            "memory = state.memory.copy()\n        memory *= decay\n        memory += (1 - decay) * candidates\n",
        ),
    ],
    "a tuple and an optional number in the config": [
        ("    gate: str", "    scales: tuple[float, ...] = (1.0, 1.0)\n    limit: float | None = None\n    gate: str"),
        (TANH, f"{{0}}{INDENT}candidates = sum(config.scales) / 2 * candidates\n"),
    ],
}


def text_of(changes: Changes) -> str:
    """The text of a variant. Raises AssertionError for a change that does not apply exactly once."""
    text = PLUGIN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new.replace("{0}", old))
    return text
