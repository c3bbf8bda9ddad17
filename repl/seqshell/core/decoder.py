"""The interface between sessions and models: a Decoder takes and returns numpy arrays."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from seqshell.core.state import State


class Decoder(Protocol):
    """A model that runs step by step.

    It is built as Decoder(config, weights), with weights named as in the module's state_dict. V is the size of the
    vocabulary. A returned state is never written to.

    Optional: features(state) -> [B, D] floats, vectors that say how alike two positions are, such as the hidden state
    of the last layer. A strategy can always call it; without one, the host joins all floats of the state.

    Optional: backend, a word that says what computes the outputs; "numpy" without one. A saved session remembers it,
    because another backend may give other last bits.

    Optional: rows_share_weights, True if a step of several rows takes much less time than the rows one by one and gives
    each row the bits of that row alone. Candidates of one answer are then drawn together.

    Optional method: in_precision(precision) -> the decoder with its weights in "bf16" or "int8", in steps as in every
    other method. Without one, there are only weights in float32. Users choose, and see how far the outputs are off.

    Optional method: state_outputs(state) -> the outputs [B, V] of the step that returned the state, or None if they
    depend on more than the state, such as the last input. It lets the next token follow an edit of the state.

    Optional method: trace(inputs [B, T], state) -> the outputs [B, T, V], the state, and by name [B, T, ...]: each leaf
    after each input, by its address (`by_address`), unless it does not change, and anything else, such as gates. Of a
    leaf that grows, what each input added. Without it, the host reads the inputs one by one.

    Optional method: surprisals(inputs [B, T], targets [B, T], state) -> (nats [B, T] of each target by the logits after
    its input, the state). `seqshell evaluate` calls it, in several threads at once, instead of the torch module.

    Optional method: outputs_of_steps(inputs [B, T], state) -> (the outputs [B, T, V] after each input, the state); both
    are those of single steps to the last bit. Texts are scored with it.

    Optional method: token_outputs(inputs [B, T]) -> the outputs [B, T, C] of every token of whole texts, padded right
    with PAD; those at padding have no meaning. TAG reads tags with it. A decoder of an architecture for TAG that is not
    causal needs it; otherwise the host reads the texts step by step.

    Optional method: draw_block(outputs [1, V], state, rules, excluded, numbers) -> (ids, outputs, states): it draws
    tokens and reads them itself, at most one for each of `numbers` (see Draw), and returns their ids, and the outputs
    [1, V] and the state after each of them, as sequences; the outputs may be an array [N, 1, V]. rules: those of the
    samplers; excluded: ids that are not drawn. It draws the same tokens as Shortlist does, and none from the first on
    of which it is not certain. None: it cannot follow these rules.
    """

    def initial_state(self, batch_size: int = 1) -> State:
        """Return a state with leaves [batch_size, ...]."""

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """Read inputs [B] int64, or [B, F] float32 for values. Returns outputs [B, V] (or [B, C], ...), state."""

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """Read inputs [B, T], or [B, T, F]; T >= 1. Returns outputs [B, V] and state after the last input.

        CLASSIFY and TAG: rows may be padded right with PAD; outputs and state are those after each row's last token.
        """


class SourceDecoder(Decoder, Protocol):
    """A Decoder for TRANSLATE, whose first state comes from a source text.

    Its initial_state is the encoding of the empty source, EOS alone.
    """

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """Encode source [B, S] int64, each row ending with EOS and padded right; lengths [B] exclude the padding.

        Returns the state before BOS is read. Padding does not change a row's result. Steps return a leaf that they do
        not change, such as the encoder's outputs, as the same object. A NamedTuple field `attention` [B, S] contains
        the weights of the last step over the source.
        """
