"""The strategies that choose one token at a time: greedy and sample.

Both stream without end; the caller stops reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqshell.core.decoder import Decoder
from seqshell.core.sampling import (
    ENDED,
    Advanced,
    AnswerEnded,
    Batch,
    Block,
    Draw,
    History,
    Request,
    SampleContext,
    Step,
)
from seqshell.core.shortlist import Shortlist
from seqshell.core.state import attention_of
from seqshell.decoding.chain import Chain

# Tokens that a decoder may draw itself between two looks at the keyboard: the first time, and later. In between, as
# many as there are, so that no more are drawn in vain than are shown.
FIRST_BLOCK, LARGEST_BLOCK = 16, 64
Pick = Callable[[Shortlist, Draw, int], int]


@dataclass(frozen=True)
class Greedy:
    """Choose the most likely token, of equally likely ones the smallest id.

    Samplers with `about_chance` are not used.
    """

    name: ClassVar[str] = "greedy"
    streams: ClassVar[bool] = True
    draws: ClassVar[bool] = False

    def search(self, decoder: Decoder, start: Batch, request: Request) -> Iterator[Step]:
        """Yield an Advanced for every token, without end."""
        chain = Chain(request.samplers, excluded=request.excluded, with_chance=False, copying=request.copying)
        return _stream(decoder, start, request, chain, _most_likely)


@dataclass(frozen=True)
class Sample:
    """Draw each token from the probabilities after the sampler chain."""

    name: ClassVar[str] = "sample"
    streams: ClassVar[bool] = True

    def search(self, decoder: Decoder, start: Batch, request: Request) -> Iterator[Step]:
        """Yield an Advanced for every token, without end. A row draws the same numbers whatever the batch."""
        chain = Chain(request.samplers, excluded=request.excluded, copying=request.copying)
        return _stream(decoder, start, request, chain, _drawn)


def _most_likely(left: Shortlist, draw: Draw, position: int) -> int:
    return left.best()


def _drawn(left: Shortlist, draw: Draw, position: int) -> int:
    return left.draw(draw.uniform(position))


def _stream(decoder: Decoder, start: Batch, request: Request, chain: Chain, pick: Pick) -> Iterator[Step]:
    """Choose a token for every row, read them all, and yield, until samplers have ended the answers of all rows.

    The ids of request.prefix come first.
    """
    state, outputs = start.state, start.outputs
    histories = [list(history[:]) for history in start.histories]  # copies, which grow with every token
    memories = [each or chain.first_memories() for each in start.memories]
    num_rows, step = len(histories), 0
    draws = request.draws or (request.draw,) * num_rows
    answered = start.answered or (0,) * num_rows
    ended: set[int] = set()
    prefix, positions = request.prefix, start.positions
    by_rules, remembers = chain.shortlist_by_rules, chain.remembers
    numbers: list[float] = []  # those that draw the next tokens, for blocks
    blocks = pick is _drawn and num_rows == 1 and chain.rules is not None and getattr(decoder, "draws_blocks", False)
    while True:
        if blocks and step >= len(prefix):
            most = min(LARGEST_BLOCK, max(FIRST_BLOCK, step), max(1, request.stop.max_tokens - step))
            first = positions[0] + step
            numbers += draws[0].uniforms(range(first + len(numbers), first + most))
            found = decoder.draw_block(outputs, state, chain.rules, chain.excluded, numbers)  # type: ignore[attr-defined]
            blocks = found is not None
            drawn, after, states = found or ((), (), ())
            block, number = Block(drawn, after, states, memories[0]), len(drawn)
            del numbers[: number or 1]  # without a token, the one that is drawn below
            if number:
                step += number
                outputs, state = block.outputs[-1], block.states[-1]
                yield from (block,) if request.takes_blocks else block.steps()
                histories[0].extend(block.tokens)
                continue
        attention = attention_of(state) if request.copying is not None else None
        tokens = np.empty(num_rows, np.int64)
        for row, ids in enumerate(histories):
            if row in ended:
                continue
            if step < len(prefix):
                token = prefix[step]
            else:
                position = positions[row] + step
                left = by_rules(outputs[row])
                if left is None:
                    generated, answer = start.generated[row] + step, answered[row] + step
                    tokens_left = request.stop.max_tokens - step
                    context = SampleContext(
                        History(ids), generated, position, request.tokenizer, None, draws[row], answer, tokens_left
                    )
                    attended = attention[row] if attention is not None else None
                    try:
                        left = chain.shortlist(outputs[row], context, memories[row], attended)
                    except AnswerEnded:
                        ended.add(row)
                        continue
                logits = left.logits() if remembers else None
                token = pick(left, draws[row], position)
                if logits is not None:
                    memories[row] = chain.updated(memories[row], token, logits)
            ids.append(token)
            tokens[row] = token
        if ended:
            if len(ended) == num_rows:
                raise AnswerEnded
            tokens[list(ended)] = 0  # any token: what is read there does not matter
        outputs, state = decoder.step(tokens, state)
        if ended:
            tokens[list(ended)] = ENDED
        step += 1
        yield Advanced(tokens, state, outputs, tuple(memories))
