"""Sample texts while a model is trained: what its decoder answers, chosen as the recipe's [defaults] want it."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from torch import nn

from seqshell.decoder import Decoder
from seqshell.decoding.chain import Chain
from seqshell.decoding.torch_decoder import TorchDecoder
from seqshell.decoding.words import parse_chain, parse_strategy
from seqshell.errors import VocabularyError
from seqshell.host import Registry, resolve
from seqshell.models import Architecture
from seqshell.sampling import Advanced, Batch, Draw, History, Request, Stop
from seqshell.training.preparation import Prepared


def make_decoder(architecture: Architecture, config: Any, module: nn.Module) -> Decoder:
    """The architecture's own decoder over the weights as they are now, else the module itself behind a decoder's face."""
    if architecture.decoder is None:
        return TorchDecoder(module)
    weights = {name: tensor.detach().cpu().float().numpy().copy() for name, tensor in module.state_dict().items()}
    decoder: Decoder = resolve(architecture.decoder)(config, weights)
    return decoder


def starts(prepared: Prepared) -> tuple[str, ...]:
    """Texts to start from: the recipe's examples, else the first words of the training text."""
    first = prepared.data.training.lstrip().partition("\n")[0]
    words = first if len(first) <= 40 else first[:40].rpartition(" ")[0] or first[:40]
    return prepared.recipe.defaults.examples or (words or prepared.data.training[:1],)


def sample_text(prepared: Prepared, module: nn.Module, registry: Registry, length: int) -> str:
    """The first start and what follows it, `length` tokens at most; the same weights give the same text. module: in eval mode."""
    defaults = prepared.recipe.defaults
    tokenizer = prepared.tokenizer
    try:
        ids = tokenizer.encode(starts(prepared)[0])
    except VocabularyError:
        ids = tokenizer.encode(prepared.data.training[:1])
    samplers = parse_chain(defaults.sampler, registry.samplers)
    decoder = make_decoder(prepared.architecture, prepared.config, module)
    outputs, state = decoder.feed(np.asarray([ids], np.int64), decoder.initial_state(1))
    batch = Batch(state, outputs, (History(ids),), (Chain(samplers).first_memories(),), (len(ids),), (0,))
    request = Request(Stop(length), samplers, Draw(prepared.recipe.training.seed), tokenizer=tokenizer)
    drawn = []
    for step in islice(parse_strategy(defaults.strategy, registry.strategies).search(decoder, batch, request), length):
        chosen = [int(step.tokens[0])] if isinstance(step, Advanced) else list(step.best[0].ids)
        drawn += chosen
        if tokenizer.eos is not None and tokenizer.eos in chosen:
            break
    return b"".join(map(tokenizer.piece, ids + drawn)).decode("utf-8", "replace")
