"""The lines of config.toml in which its keys are."""

from __future__ import annotations

import pytest

from seqshell.core.config_places import config_place, keys_of

TEXT = '''# mine
top = 1
[settings]
max_tokens = 50
  "top_k" = 3
note = """
max_tokens = 1
[plugins]
"""
repeat_penalty.window = 7
stop = [
  "a",
]
"beam.width" = 2
[settings.mirostat]
tau = 1
[[plugins.log]]
limit = {most = 3}
'''


@pytest.fixture
def config(home):
    home.mkdir()
    (home / "config.toml").write_text(TEXT, encoding="utf-8")
    return home / "config.toml"


def test_each_key_and_table_has_its_line_and_texts_of_several_lines_have_none():
    assert list(keys_of(TEXT)) == [
        (2, "top"),
        (3, "settings"),
        (4, "settings.max_tokens"),
        (5, "settings.top_k"),
        (6, "settings.note"),
        (10, "settings.repeat_penalty.window"),
        (11, "settings.stop"),
        (14, "settings.beam.width"),
        (15, "settings.mirostat"),
        (16, "settings.mirostat.tau"),
        (17, "plugins.log"),
        (18, "plugins.log.limit"),
    ]


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (("settings", "max_tokens"), "config.toml:4"),
        (("settings", "repeat_penalty.window"), "config.toml:10"),
        (("settings", "repeat_penalty"), "config.toml:10"),
        (("settings", "beam.width"), "config.toml:14"),
        (("settings", "mirostat.tau"), "config.toml:16"),
        (("settings", "mirostat.eta"), "config.toml:15"),
        (("plugins", "log.limit.most"), "config.toml:18"),
        (("plugins",), "config.toml:17"),
        (("nothing", "here"), "config.toml"),
    ],
)
def test_a_key_is_in_its_own_line_or_in_that_of_what_contains_it(config, keys, place):
    assert config_place(*keys) == place


def test_a_file_that_changes_is_read_again_and_one_that_is_gone_has_no_lines(config):
    assert config_place("top") == "config.toml:2"
    config.write_text("\n" + TEXT, encoding="utf-8")
    assert config_place("top") == "config.toml:3"
    config.write_bytes(b"\xff")
    assert config_place("top") == "config.toml"
    config.unlink()
    assert config_place("top") == "config.toml"
