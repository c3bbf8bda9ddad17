"""How the next token is chosen: /set, /sampler, /strategy and /seed; and what there is to choose from."""

from __future__ import annotations

import pytest
from tests.shell.sending import send

from seqshell import UsageError
from seqshell.core.events import Finished, SettingChanged, Table, Text
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for


@pytest.fixture
def shell():
    return shell_for(tiny_model())


def test_set_reports_the_new_and_the_old_value(shell):
    assert send(shell, "/set max_tokens 40") == [
        SettingChanged("max_tokens", 40, 200),
    ]
    assert shell.settings.get("max_tokens") == 40


@pytest.mark.parametrize(
    "line", ["/set max_tokens 40", "/set max_tokens=40", "/set  max_tokens  40", '/set max_tokens "40"']
)
def test_set_accepts_a_value_in_every_notation(shell, line):
    send(shell, line)

    assert shell.settings.get("max_tokens") == 40


def test_set_default_resets_a_value(shell):
    send(shell, "/set max_tokens 40")

    assert send(shell, "/set max_tokens default")[0] == SettingChanged("max_tokens", 200, 40)


@pytest.mark.parametrize(
    ("line", "texts"),
    [(r'/set stop "\n\n"', ("\n\n",)), ('/set stop ["a", "b"]', ("a", "b")), ("/set stop end of it", ("end of it",))],
)
def test_set_stop_takes_one_text_or_several(shell, line, texts):
    send(shell, line)

    assert shell.settings.get("stop") == texts


def test_set_changes_one_stage_of_the_chain_or_adds_it_at_its_usual_place(shell):
    send(shell, "/sampler top_k=5 temperature=0.8", "/set temperature 0.5", "/set min_p 0.1")

    assert send(shell, "/sampler") == [Text("top_k=5 min_p=0.1 temperature=0.5")]


def test_the_table_of_settings_shows_value_range_and_origin(shell):
    send(shell, "/set max_tokens 40", "/set top_k 3")
    (table,) = send(shell, "/set")
    rows = {row[0]: row[1:] for row in table.rows}

    assert table.columns == ("setting", "value", "range", "from")
    assert rows["max_tokens"] == (40, "1 to 1,000,000", "/set")
    assert rows["top_k"] == (3, "at least 0", "/set")
    assert rows["unknown"] == ("error", "error or skip", "built in")


def test_set_of_a_name_alone_shows_that_setting(shell):
    (table,) = send(shell, "/set unknown")
    assert isinstance(table, Table)
    assert table.columns == ("setting", "value", "range", "from")
    assert table.rows == (("unknown", "error", "error or skip", "built in"),)


def test_settings_are_not_undone(shell):
    send(shell, "abc", "/set max_tokens 3", "/undo")

    assert shell.settings.get("max_tokens") == 3


def test_values_of_a_setting_are_completed(shell):
    complete = shell.find_command("set").complete

    assert {"max_tokens", "temperature", "unknown"} <= set(complete(shell, ""))
    assert list(complete(shell, "unknown ")) == ["error", "skip", "default"]
    assert list(complete(shell, "surprisal o")) == ["on", "off", "default"]


def test_sampler_shows_replaces_adds_and_removes(shell):
    assert send(shell, "/sampler") == [Text("none")]
    send(shell, "/sampler repeat_penalty=1.1,window=32 top_k=40 temperature=0.8")
    assert send(shell, "/sampler +min_p=0.05 -top_k")[0] == SettingChanged(
        "sampler",
        "repeat_penalty=1.1,window=32 min_p=0.05 temperature=0.8",
        "repeat_penalty=1.1,window=32 top_k=40 temperature=0.8",
    )
    send(shell, "/sampler none")
    assert shell.session.chain == ()


def test_samplers_of_the_chain_are_completed_for_removal(shell):
    send(shell, "/sampler top_k=40 temperature=0.8")
    complete = shell.find_command("sampler").complete

    assert list(complete(shell, "min_p=0.1 -")) == ["-top_k", "-temperature"]
    assert "+min_p=" in complete(shell, "+m")
    assert "min_p=" in complete(shell, "")


def test_strategy_shows_and_selects(shell):
    assert send(shell, "/strategy") == [Text("sample")]
    assert send(shell, "/strategy greedy")[0] == SettingChanged("strategy", "greedy", "sample")
    first, second = (event.answer for event in send(shell, "abc", "/regen") if isinstance(event, Finished))
    assert first == second


def test_the_seed_determines_the_text(shell):
    one, other, again = (
        event.answer
        for event in send(shell, "/seed 1", "abc", "/undo", "/seed 2", "abc", "/undo", "/seed 1", "abc")
        if isinstance(event, Finished)
    )

    assert one == again != other
    assert send(shell, "/seed") == [Text("1")]


def test_a_random_seed_is_reported(shell):
    (changed,) = send(shell, "/seed random")

    assert changed.value == shell.session.seed
    assert changed.was == 0


def test_samplers_are_listed_with_owner_range_and_neutral_value(shell):
    (table,) = send(shell, "/samplers")
    rows = {(row[0], row[2]): row for row in table.rows}

    assert rows["top_k", "k"][1] == "samplers"
    assert rows["top_k", "k"][4:6] == ("at least 0", 0)
    assert {name for name, _ in rows} == set(shell.registry.samplers)


def test_strategies_without_settings_are_listed_too(shell):
    (table,) = send(shell, "/strategies")

    assert {row[0] for row in table.rows} == {"greedy", "sample", "beam", "diverse_beam"}


def test_architectures_are_listed_with_their_owners(shell):
    (table,) = send(shell, "/architectures")

    assert ("gru", "recurrent", "generate", "gated recurrent unit (Cho et al. 2014)") in table.rows


def test_plugins_are_listed_with_their_status(shell):
    (table,) = send(shell, "/plugins")
    rows = {row[0]: row for row in table.rows}

    assert table.columns == ("plugin", "distribution", "version", "offers", "import", "state")
    assert "architectures" in rows["recurrent"][3]
    assert rows["recurrent"][5] == "loaded"


def test_a_sampler_that_cannot_be_imported_is_named_in_the_list():
    import seqshell

    class Broken:
        __name__ = "broken"

        @seqshell.hookimpl
        def seqshell_samplers(self):
            yield seqshell.Lazy("bent", "nowhere.at_all:Bent")

    shell = shell_for(tiny_model(), plugins=[Broken()])
    (table,) = send(shell, "/samplers")

    assert next(row for row in table.rows if row[0] == "bent")[-1].startswith("failed: ")
    (text,) = send(shell, "/plugins --errors")
    assert "nowhere.at_all:Bent cannot be imported" in text.text
    with pytest.raises(UsageError):
        send(shell, "/sampler none_such")
