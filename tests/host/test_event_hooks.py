"""Event hooks are called with the arguments that they declare; a plugin whose hook fails is left out."""

import sys

import pytest


def test_an_event_hook_gets_the_arguments_that_it_declares(site):
    site.install("both", "seen = []\n" + site.hook("seqshell_token", "seen.append((session, token))", "session, token"))
    site.install("one", "seen = []\n" + site.hook("seqshell_token", "seen.append(token)", "token"))
    registry = site.registry()

    assert registry.listens("seqshell_token")
    assert not registry.listens("seqshell_model_loaded")
    assert registry.notify("seqshell_token", session="s", token="t") == ()
    assert sys.modules["both"].seen == [("s", "t")]
    assert sys.modules["one"].seen == ["t"]


@pytest.mark.parametrize("fault", ["raise ValueError('full')", "raise SystemExit"])
def test_a_plugin_whose_event_hook_raises_is_left_out_and_the_others_stay(site, fault, states):
    site.install("a", "seen = []\n" + site.hook("seqshell_token", "seen.append(token)", "token"))
    site.install("bad", site.sampler("halve") + site.hook("seqshell_token", fault, "token"))
    site.install("z", "seen = []\n" + site.hook("seqshell_token", "seen.append(token)", "token"))
    registry = site.registry()
    (problem,) = registry.notify("seqshell_token", session=None, token=1)
    assert registry.notify("seqshell_token", session=None, token=2) == ()

    assert problem.message.startswith("the plugin bad (bad): seqshell_token failed: ")
    assert registry.problems == (problem,)
    assert states(registry) == {"a": "loaded", "bad": "failed", "z": "loaded"}
    assert sys.modules["a"].seen == sys.modules["z"].seen == [1, 2]
    assert "halve" not in registry.samplers


def test_a_plugin_whose_event_hook_is_stopped_by_ctrl_c_is_named_and_left_out(site, states):
    site.install("hangs", site.hook("seqshell_token", "raise KeyboardInterrupt", "token"), distribution="hang-on")
    site.install("z", "seen = []\n" + site.hook("seqshell_token", "seen.append(token)", "token"))
    registry = site.registry()
    (problem,) = registry.notify("seqshell_token", session=None, token=1)

    assert problem.message == "the plugin hangs (hang-on): seqshell_token was stopped by Ctrl-C"
    assert isinstance(problem.__cause__, KeyboardInterrupt)
    assert states(registry) == {"hangs": "failed", "z": "loaded"}
    assert sys.modules["z"].seen == [1]
