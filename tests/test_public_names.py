"""help(seqshell) is short enough to be read, and describes each public name."""

import pydoc
import re

import pytest

import seqshell

NAMES = [name for name in dir(seqshell) if name != "__version__"]


def test_help_of_the_package_is_short():
    text = pydoc.plain(pydoc.render_doc(seqshell))

    assert len(text.splitlines()) < 300
    assert "Commands and events" in text


def test_completion_offers_classes_and_functions():
    assert {"Session", "Architecture", "open", "hookimpl", "END"} <= set(dir(seqshell))


def test_help_of_the_package_names_every_public_name_once():
    words = re.findall(r"\w+", seqshell.__doc__.replace("seqshell_samplers", "").replace("seqshell.NAME", ""))

    assert {name for name in NAMES if name not in words} == set()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("State", "PAD", "BOS", "EOS", "UNK")])
def test_every_public_name_has_a_docstring(name):
    assert len((getattr(seqshell, name).__doc__ or "").strip()) > 10
