"""What a session's public methods refuse: arguments of a wrong type, and a second thread."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest

from seqshell import UsageError
from seqshell.session import Session
from seqshell.testing import tiny_model

WRONG = [
    ("feed", (b"abc",), "feed: text must be a text, not b'abc'"),
    ("feed", (None,), "feed: text must be a text, not None"),
    ("feed", ("abc", 3), "feed: unknown must be a text, not 3"),
    ("feed_ids", ("abc",), "feed_ids: ids must be whole numbers, not 'abc'"),
    ("feed_ids", ([1.5],), "feed_ids: ids must be whole numbers, not [1.5]"),
    ("generate", (1.5,), "generate: max_tokens must be a whole number, not 1.5"),
    ("generate", ("5",), "generate: max_tokens must be a whole number, not '5'"),
    ("generate", (True,), "generate: max_tokens must be a whole number, not True"),
    ("respond", (3,), "respond: text must be a text, not 3"),
    ("respond", ("abc", "5"), "respond: max_tokens must be a whole number, not '5'"),
    ("regenerate", (1.5,), "regenerate: which must be a whole number or a list of settings"),
    ("regenerate", (["scaled"],), "regenerate: which must be a whole number or a list of settings"),
    ("reseed", (None,), "reseed: text must be a text, not None"),
    ("translate", (None,), "translate: text must be a text, not None"),
    ("score_translation", ("a", 1), "score_translation: target must be a text, not 1"),
    ("classify", (b"a",), "classify: text must be a text, not b'a'"),
    ("tag", (b"a",), "tag: text must be a text, not b'a'"),
    ("label", (1,), "label: text must be a text, not 1"),
    ("forecast", ("3",), "forecast: steps must be a whole number, not '3'"),
    ("undo", ("1",), "undo: turns must be a whole number, not '1'"),
    ("undo_tokens", (1.0,), "undo_tokens: number must be a whole number, not 1.0"),
    ("rewind", ("x",), "rewind: position must be a whole number, not 'x'"),
    ("rewind_to", (3,), "rewind_to: text must be a text, not 3"),
    ("redo", (None,), "redo: turns must be a whole number, not None"),
    ("branch_off", (1,), "branch_off: name must be a text, not 1"),
    ("checkout", (None,), "checkout: name must be a text, not None"),
    ("drop", (1,), "drop: name must be a text, not 1"),
    ("text", (1,), "text: branch must be a text, not 1"),
    ("ids", (1,), "ids: branch must be a text, not 1"),
    ("ancestor", ("1",), "ancestor: tokens must be a whole number, not '1'"),
    ("top", ("10",), "top: k must be a whole number, not '10'"),
    ("score", (None,), "score: text must be a text, not None"),
    ("trace", (None,), "trace: text must be a text, not None"),
    ("save", (3,), "save: path must be a path, not 3"),
    ("set_seed", ("7",), "set_seed: seed must be a whole number, not '7'"),
    ("return_to", (3,), "return_to: mark must be a mark of this session, not 3"),
    ("begin_turn", (None,), "begin_turn: line must be a text, not None"),
]


@pytest.mark.parametrize(("method", "values", "message"), WRONG, ids=[f"{name}{values}" for name, values, _ in WRONG])
def test_an_argument_of_a_wrong_type_is_refused_and_changes_nothing(session, method, values, message):
    list(session.respond("abc", 5))
    before = session.text(), session.position
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        getattr(session, method)(*values)
    assert (session.text(), session.position) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stop": 3}, "generate: stop must be a text or several, not 3"),
        ({"stop": ["a", 1]}, "generate: stop must be a text or several, not ['a', 1]"),
        ({"strategy": 3}, "generate: strategy must be a strategy or the text that names it, not 3"),
    ],
)
def test_an_option_of_a_wrong_type_is_refused(session, options, message):
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        session.generate(5, **options)


def test_every_public_method_with_arguments_is_in_the_table():
    methods = {
        name
        for name, method in ((name, getattr(Session, name)) for name in dir(Session))
        if isinstance(method, FunctionType)
        and hasattr(method, "__wrapped__")
        and method.__wrapped__.__code__.co_argcount > 1
    }
    assert methods - {"observe", "set_state", "intervene"} == {
        name for name, _, _ in WRONG
    }  # these take anything, and say what does not fit


def test_integers_of_numpy_and_paths_are_accepted(session, tmp_path, ends):
    session.feed_ids(np.array([0, 1, 2]))
    (finished,) = ends(session.generate(np.int64(4)))
    session.save(Path(tmp_path / "kept.safetensors"))
    assert (finished.num_tokens, session.rewind(np.int32(2)).position) == (4, 2)


def test_a_second_thread_is_refused_while_the_first_is_in_the_model():
    model = tiny_model()
    inside, leave = threading.Event(), threading.Event()

    class Waiting:
        initial_state, step = staticmethod(model.decoder.initial_state), staticmethod(model.decoder.step)

        @staticmethod
        def feed(inputs, state):
            inside.set()
            assert leave.wait(10)
            return model.decoder.feed(inputs, state)

    session = Session(replace(model, decoder=Waiting()))
    thread = threading.Thread(target=session.feed, args=("abc",))
    thread.start()
    assert inside.wait(10)
    try:
        for call in (lambda: session.feed("def"), lambda: next(session.generate(3)), lambda: session.text()):
            with pytest.raises(UsageError, match="another thread is using this session; open a session for each"):
                call()
    finally:
        leave.set()
        thread.join()
    assert session.feed("def") == 3
    assert session.text().text == "abcdef"


def test_the_representation_says_model_branch_position_and_tokens(session):
    list(session.respond("abc", 1_000))
    list(session.regenerate(1, 20))
    assert repr(session) == "<Session of tiny: main.2 at position 23, 1,023 tokens in all branches>"
