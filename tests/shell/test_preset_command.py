"""/preset and --preset: named ways to choose tokens, in TOML files that are checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from tests.shell.completed import texts
from tests.shell.sending import fails, only, send

import seqshell
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Data, Notice, PresetLoaded, SettingChanged, Table, Text
from seqshell.shell import preset_files
from seqshell.shell.presets import SETTINGS
from seqshell.shell.startup import Options, build_shell
from seqshell.testing import shell_for, tiny_checkpoint, tiny_classification_model, tiny_model

BASIS = "min_p=0.05 temperature=0.8"


@dataclass(frozen=True)
class Dedupe:
    """Does nothing."""

    name: ClassVar[str] = "dedupe"
    stage: ClassVar[str] = "truncation"
    n: int = seqshell.setting(1, low=0, neutral=0)

    def __call__(self, logits, context):
        return logits


class Plugin:
    @staticmethod
    @seqshell.hookimpl
    def seqshell_samplers():
        yield Dedupe


@pytest.fixture
def shell():
    shell = shell_for(tiny_model())
    send(shell, f"/sampler {BASIS}")
    return shell


@pytest.fixture
def write(home):
    """Write a preset of the user's; returns its file."""

    def write(name, text):
        file = home / "presets" / f"{name}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def chosen(shell):
    """The strategy, the chain and the settings that a preset may change."""
    values = [shell.settings.get(name) for name in SETTINGS]
    return [event.text for event in send(shell, "/strategy", "/sampler")] + values


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("char-rnn", "temperature=1"),
        ("creative", "min_p=0.05 temperature=1.2"),
        ("hf", "temperature=1 top_k=50 top_p=1 min_p=0 typical_p=1"),
        ("llama.cpp", "top_k=40 typical_p=1 top_p=0.95 min_p=0.05 temperature=0.8"),
        ("precise", "min_p=0.1 temperature=0.4"),
    ],
)
def test_the_shipped_presets_have_the_stages_of_their_originals_in_their_order(shell, name, sampler):
    send(shell, "/strategy greedy", "/set max_tokens 7")
    changes = (SettingChanged("strategy", "sample", "greedy"), SettingChanged("sampler", sampler, BASIS))

    assert send(shell, f"/preset load {name}") == [PresetLoaded(name, changes)]
    assert chosen(shell) == ["sample", sampler, 7, (), False]
    assert name in preset_files.known()


def test_a_stage_that_is_set_after_a_preset_keeps_the_order_of_the_preset(shell):
    send(shell, "/preset load hf", "/set top_p 0.9", "/set repeat_penalty 1.2")

    assert send(shell, "/sampler") == [
        Text("repeat_penalty=1.2 temperature=1 top_k=50 top_p=0.9 min_p=0 typical_p=1"),
    ]


def test_what_was_saved_is_loaded_with_the_settings_that_were_set_and_no_others(shell, home):
    send(shell, "/strategy beam width=3", r'/set stop ["\n\n", "a \"b\"", "\u007f"]')
    saved = only(shell, "/preset save mine", Data)
    before = chosen(shell)
    send(shell, "/preset load creative", "/set stop x", "/set max_tokens 9", "/preset load mine")

    assert saved.values["file"] == str(home / "presets" / "mine.toml")
    assert [entry.name for entry in (home / "presets").iterdir()] == ["mine.toml"]
    assert chosen(shell) == [*before[:2], 9, ("\n\n", 'a "b"', "\x7f"), False]
    assert before[0] == "beam width=3"


def test_a_preset_changes_only_what_it_has(shell, write):
    write("short", "max_tokens = 5")
    write("plain", 'sampler = "none"')

    assert send(shell, "/preset load short") == [
        PresetLoaded("short", (SettingChanged("max_tokens", 5, 200),)),
    ]
    assert chosen(shell) == ["sample", BASIS, 5, (), False]
    send(shell, "/preset load plain")
    assert chosen(shell) == ["sample", "none", 5, (), False]


def test_a_preset_is_replaced_by_one_of_the_same_name_and_deleted(shell):
    send(
        shell, "/preset save mine", "/set temperature 0.3", "/preset save mine", "/preset load hf", "/preset load mine"
    )

    assert send(shell, "/sampler") == [Text("min_p=0.05 temperature=0.3")]
    assert send(shell, "/preset drop mine") == []
    assert fails(shell, "/preset load mine").code == "unknown_preset"
    assert fails(shell, "/preset drop mine").message == "no preset 'mine'; none is available"


def test_people_are_told_what_became_of_a_preset(shell, home):
    shell.interactive = True
    file = home / "presets" / "mine.toml"

    assert only(shell, "/preset save mine", Notice) == Notice(f"saved to {file} · /preset load mine loads it")
    assert send(shell, "/preset drop mine") == [Notice(f"{file} deleted")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sampler = "topk=40"', "no sampler 'topk'; did you mean top_k?"),
        ('sampler = "top_k=-1"', "top_k must be at least 0, not '-1'"),
        ('sampler = "top_k"\nstrategy = "bream"', "no strategy 'bream'; did you mean beam?"),
        ('strategy = "beam width=0"', "beam: width must be 1 to 1,000, not '0'"),
        ("strategy = 3", "strategy must be a text, as /strategy takes it"),
        ('sampler = ""', "sampler must be a text, as /sampler takes it"),
        ("max_tokens = 0", "max_tokens must be 1 to 1,000,000, not 0"),
        ('sampler = "top_k=3"\nmax_token = 3', "unknown 'max_token'; did you mean max_tokens?"),
        ("horizon = 3", "unknown 'horizon'; a preset has strategy, sampler, max_tokens, stop, unk"),
        ("", "it is empty; a preset has strategy, sampler, max_tokens, stop, unk"),
        ("sampler = ", " is not TOML: Invalid value (at end of document)"),
        (b"\xff", " is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (f"max_tokens = {'9' * 5000}", " is not TOML: Exceeds the limit (4300 digits) for integer string conversion"),
        (f"stop = {'[' * 20000}", " is not a preset: it is nested too deeply"),
        ("#" * (preset_files.MAX_SIZE + 1), " has 100,001 bytes; at most 100,000 are read"),
    ],
)
def test_a_preset_that_is_not_valid_changes_nothing_and_is_named_with_its_file(shell, write, text, message):
    file, before = write("mine", text), chosen(shell)
    error = fails(shell, "/preset load mine")

    assert error.message.startswith(f"{file}{'' if message.startswith(' ') else ': '}{message}")
    assert chosen(shell) == before


def test_a_preset_that_was_saved_with_a_plugin_names_the_stage_and_the_plugin_if_it_is_missing(shell, home):
    with_plugin = shell_for(tiny_model(), plugins=[Plugin])
    send(with_plugin, "/sampler dedupe=3 temperature=0.5", "/preset save mine", "/preset load hf", "/preset load mine")
    before, error = chosen(shell), fails(shell, "/preset load mine")

    assert send(with_plugin, "/sampler") == [Text("dedupe=3 temperature=0.5")]
    assert error.message == (
        f"{home}/presets/mine.toml: it needs the sampler 'dedupe' of the plugin Plugin, which no plugin offers"
    )
    assert error.hint == "seqshell plugins list"
    assert chosen(shell) == before


@pytest.mark.parametrize("owners", ["owners = 3", "owners = {sampler = 3}", "owners = {sampler = {dedupe = 3}}"])
def test_owners_that_are_not_valid_leave_the_unknown_stage_as_the_error(shell, write, owners):
    file = write("mine", f'sampler = "dedupe"\n{owners}')

    assert fails(shell, "/preset load mine").message.startswith(f"{file}: no sampler 'dedupe'; ")


@pytest.mark.parametrize("name", ["../mine", "a/b", "-x", "a" * 65, "~root"])
def test_only_names_that_are_safe_as_files_are_saved_and_deleted(shell, home, name):
    for action in ("save", "drop"):
        assert fails(shell, f"/preset {action} {name}").message.startswith("invalid name ")
    assert not home.exists()


def test_a_shipped_preset_keeps_its_name(shell, write):
    file = write("hf", 'sampler = "none"')
    send(shell, "/preset load hf")
    *_, warning = send(shell, "/preset list")

    assert send(shell, "/sampler") == [Text("temperature=1 top_k=50 top_p=1 min_p=0 typical_p=1")]
    assert warning == Notice(f"{file} is not used: hf is the name of a preset that comes with seqshell", "warning")
    message = "hf comes with seqshell and cannot be {}; choose another name"
    assert fails(shell, "/preset save hf").message == message.format("replaced")
    assert fails(shell, "/preset drop hf").message == message.format("deleted")
    assert file.read_text() == 'sampler = "none"'


def test_a_preset_that_cannot_be_deleted_stays(shell, write):
    write("mine", "").unlink()
    (paths.folder("presets") / "mine.toml").mkdir()

    assert "cannot delete" in fails(shell, "/preset drop mine").message


def test_the_table_has_every_preset_and_what_is_wrong_with_those_that_cannot_be_read(shell, write):
    bad, good = write("bad", 'sampler = "top_kk=1"'), write("good", 'strategy = "greedy"\nstop = ["a"]\nmax_tokens = 3')
    table, warning = send(shell, "/preset")

    assert table.columns == ("preset", "strategy", "sampler", "settings", "file")
    assert [row[0] for row in table.rows] == ["bad", "char-rnn", "creative", "good", "hf", "llama.cpp", "precise"]
    assert table.rows[0] == ("bad", "invalid", "", "", str(bad))
    assert table.rows[3] == ("good", "greedy", "", 'max_tokens=3 stop=["a"]', str(good))
    assert warning.text == f"{bad}: no sampler 'top_kk'; did you mean top_k?"


def test_what_is_no_action_or_too_much_is_refused(shell):
    assert fails(shell, "/preset lod hf").message == "no action 'lod'; did you mean load?"
    assert fails(shell, "/preset load").message.startswith("missing argument; usage: /preset ")
    assert fails(shell, "/preset list hf").message.startswith("unexpected 'hf'; usage: /preset ")
    assert fails(shell, "/preset load hfx").message == "no preset 'hfx'; did you mean hf?"


def test_undo_leaves_a_loaded_preset_as_it_is(shell):
    send(shell, "abc", "/preset load hf", "/undo")

    assert send(shell, "/sampler") == [Text("temperature=1 top_k=50 top_p=1 min_p=0 typical_p=1")]
    assert shell.session.position == 0


def test_samplers_that_the_strategy_of_a_preset_does_not_use_are_named(shell, write):
    write("wide", 'strategy = "beam"\nsampler = "top_k=3"')

    assert only(shell, "/preset load wide", Notice).text.startswith("beam does not sample, so top_k=3 has no effect")


def test_presets_are_for_models_that_choose_tokens_and_are_listed_for_all():
    shell = shell_for(tiny_classification_model())
    for line in ("/preset load hf", "/preset save mine"):
        assert fails(shell, line).code == "wrong_task"
    assert len(only(shell, "/preset", Table).rows) == 5


def test_actions_and_the_names_they_take_are_completed(shell, write):
    write("mine", 'strategy = "greedy"\nsampler = "none"'), write("bad", "x = 1")

    assert texts(shell, "/preset ") == [f"/preset {action}" for action in ("list", "load", "save", "drop")]
    assert texts(shell, "/preset load h") == ["/preset load hf"]
    for action in ("save", "drop"):
        assert texts(shell, f"/preset {action} ") == [f"/preset {action} bad", f"/preset {action} mine"]
    assert texts(shell, "/preset list ") == texts(shell, "/preset load hf ") == []
    found = dict(seqshell.shell.completion.complete(shell, "/preset load ").items)
    assert (found["mine"], found["bad"]) == ("greedy · none", "")


def test_a_recording_has_the_lines_that_do_what_a_preset_did(shell, write, tmp_path):
    write("mine", 'sampler = "top_k=3"\nstop = ["x"]')
    with (tmp_path / "a.seq").open("w+") as script:
        shell.recorder.begin(script)
        send(shell, "/preset", "/preset load mine", "/preset save other")
        script.seek(0)

        assert script.read() == '/sampler top_k=3\n/set stop ["x"]\n'


def started(*, preset, model=tiny_checkpoint, **options):
    model = str(model("tiny.safetensors"))
    return build_shell(Options(model=model, preset=preset, no_plugins=True, **options))


def test_the_option_preset_is_the_command_line_and_set_changes_it(folder, write):
    write("mine", 'strategy = "greedy"\nsampler = "top_k=3 temperature=0.5"\nmax_tokens = 4')
    shell = started(preset="mine", settings=(("temperature", "0.7"),))
    table = only(shell, "/set", Table)
    origins = {row[0]: (row[1], row[3]) for row in table.rows}

    assert chosen(shell)[:3] == ["greedy", "top_k=3 temperature=0.7", 4]
    for name, value in (("top_k", 3), ("temperature", 0.7), ("max_tokens", 4)):
        assert origins[name] == (value, "command line")
    send(shell, "/set top_k 5")
    assert only(shell, "/set top_k", Table).rows[0][3] == "/set"


def test_a_preset_of_settings_alone_keeps_the_chain(folder, write):
    write("short", "max_tokens = 4")
    shell = started(preset="short", settings=(("top_k", "3"),))

    assert shell.settings.get("max_tokens") == 4
    assert shell.settings.entry("top_k").origin == "command line"


def test_the_option_preset_with_a_model_that_chooses_nothing_says_so(folder):
    shell = shell_for()
    shell.settings._preset = preset_files.find("hf", shell.registry)
    shell.workspace.add(tiny_classification_model())

    assert [notice.text for notice in shell.take_notices()] == [
        "the preset hf is for language models and translation models; tiny is a classifier"
    ]


def test_an_unknown_preset_of_the_command_line_is_an_error(folder):
    with pytest.raises(UsageError, match=r"no preset 'llama'; did you mean llama\.cpp"):
        started(preset="llama")
