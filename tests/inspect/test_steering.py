"""Interventions on states with leaves of many kinds: floats, complex and whole numbers, booleans, and a cache."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell import UsageError
from seqshell.core.state import leaves
from seqshell.inspect.steering import clamp, steering, sweep
from seqshell.session import Session

CLAMPS = {
    "layers[1,2]": "0.5",
    "layers[0]": "-1",
    "keys[1,0]": "2",
    "phase[0]": "1+2j",
    "last[1]": "3",
    "started": "0",
    "rest.0[0]": "4",
    "rest.1[1,0,1]": "-2",
}


def bits(session):
    return [leaf.tobytes() for leaf in leaves(session.here.state)], session.here.outputs.tobytes()


@pytest.mark.parametrize("unit", CLAMPS)
def test_any_part_of_a_state_can_be_clamped(odd, unit, tmp_path):
    found = clamp(odd, unit, CLAMPS[unit])
    odd.intervene((found,))
    decoder, state = odd.model.decoder, odd.here.state

    def value():
        return list(leaves(state))[found.leaf][(0, *found.index)]

    assert (value() == found.value).all()
    for token in (1, 2, 3):
        state = decoder.step(np.array([token]), state)[1]
        for leaf, part in zip(leaves(state), [found.leaf == number for number in range(7)], strict=True):
            if part:
                leaf[(0, *found.index)] = found.value
        odd.feed_ids([token])
        assert bits(odd) == ([leaf.tobytes() for leaf in leaves(state)], decoder.state_outputs(state).tobytes())
    odd.save(tmp_path / "odd.safetensors")
    restored = Session.restore(tmp_path / "odd.safetensors", odd.model, report=str)
    assert bits(restored) == bits(odd)
    restored.rewind(5)
    odd.rewind(5)
    assert bits(restored) == bits(odd)


def test_a_place_that_a_shorter_cache_does_not_have_is_left_alone(odd):
    odd.intervene((clamp(odd, "keys[1,3]", "2"),))
    odd.reset()
    assert odd.here.state.keys.shape == (1, 3, 0)
    odd.feed("abc")
    assert 2 not in odd.here.state.keys[0, 1]
    odd.feed("d")
    assert odd.here.state.keys[0, 1].tolist()[3] == 2
    with pytest.raises(UsageError, match="is outside keys, which goes from"):
        clamp(odd, "keys[1,4]", "2")


def test_a_state_that_grows_has_no_difference_to_steer_by(odd):
    with pytest.raises(UsageError, match="grows with the text, so two states have no difference to add; /clamp sets"):
        steering(odd, "a", "b")


def test_whole_numbers_and_booleans_are_swept_over_the_values_they_can_have(odd):
    before = bits(odd)
    assert [row.value for row in sweep(odd, "last[1]", "0", "3").rows] == [0, 1, 2, 3]
    assert [row.value for row in sweep(odd, "started", "0", "1").rows] == [False, True]
    with pytest.raises(UsageError, match=r"phase\[0\] is a complex number, which has no range"):
        sweep(odd, "phase[0]", "0", "1")
    with pytest.raises(UsageError, match="odd cannot go on from this state"):
        odd.intervene((clamp(odd, "last[1]", "99"),))
    assert bits(odd) == before
