"""Completion of the arguments of the shell's own commands: every value and name that can be listed is offered."""

import re

import pytest
from tests.shell.completed import described, texts
from tests.shell.firms import LONG, model_of_firms

from seqshell.core.plugin_api import Setting
from seqshell.shell.commands.arguments import values_of
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_classification_model, tiny_forecast_model, tiny_model

# Names that can be listed; the user invents some of them.
INVENTED = {"/branch": {"NAME"}}
LISTED = {"NAME", "STAGE", "RECIPE", "COMMAND", "FILE", "MODEL"}


@pytest.fixture
def shell(folder):
    (folder / "input.txt").touch()
    return shell_for(tiny_model())


def test_each_option_of_a_command_whose_values_can_be_listed_is_completed(shell):
    commands = {shell.registry.commands[name].name: shell.registry.commands[name] for name in shell.registry.commands}
    for command in commands.values():
        for option in command.options:
            names = set(re.findall(r"\w+", option.takes)) & LISTED
            if names and option.takes not in ("FILE", "MODEL", "NAME|PATH"):
                assert option.choices or option.complete, f"/{command.name} {option.flag} {option.takes}"


def test_each_argument_of_a_command_that_can_be_listed_is_completed(shell):
    """Words in the usage, such as off and random, are offered; names of things have a completer."""
    list(shell.handle("/branch other"))
    for name in shell.registry.commands:
        command = shell.registry.commands[name]
        usage = re.sub(r"\[-[^]]*\]|--\w+", "", command.usage)
        if literal := set(re.findall(r"(?<!\.)\b[a-z]+\b(?!=)", usage)):
            before = "/set max_tokens " if name == "set" else f"/{name} "
            assert literal <= {text.removeprefix(before) for text in texts(shell, before)}, f"/{name} {usage}"
        if LISTED.intersection(re.findall(r"\b[A-Z]+\b", usage)) - INVENTED.get(f"/{name}", set()):
            assert command.complete or "FILE" in usage, f"/{name} {usage}"


def test_the_precision_of_weights_is_completed_after_a_model(shell):
    assert texts(shell, "/load shakespeare weights=") == [
        f"/load shakespeare weights={precision}" for precision in ("float32", "bf16", "int8")
    ]
    assert texts(shell, "/load weights=") == []


def test_the_values_of_a_setting_are_all_of_them_or_the_default_and_the_neutral_one():
    assert values_of(Setting("unit", str, "words", choices=("words", "tokens"))) == {
        "words": "the default",
        "tokens": "",
    }
    assert values_of(Setting("fast", bool, False)) == {"on": "", "off": "the default"}
    assert values_of(Setting("k", int, 40, low=0, neutral=0)) == {"40": "the default", "0": "no effect"}
    assert values_of(Setting("a", float, 0.5, neutral=0.5)) == {"0.5": "the default"}
    for setting in (Setting("text", str, ""), Setting("words", str, "a b"), Setting("sizes", tuple, (4, 4))):
        assert values_of(setting) == {}


def test_the_values_and_fields_inside_a_stage_are_completed(shell):
    assert described(shell, "/sampler top_k=") == {
        "/sampler top_k=40": "the default",
        "/sampler top_k=0": "no effect",
    }
    assert texts(shell, "/sampler top_k=4") == ["/sampler top_k=40"]
    before = "/sampler +no_repeat_ngram=3,"
    assert texts(shell, before) == [f"{before}window=", f"{before}unit="]
    assert texts(shell, "/sampler no_repeat_ngram=3,unit=") == [
        "/sampler no_repeat_ngram=3,unit=tokens",
        "/sampler no_repeat_ngram=3,unit=words",
    ]
    before = "/sampler no_repeat_ngram,unit=words,"
    assert texts(shell, before) == [f"{before}n=", f"{before}window="]
    assert texts(shell, "/sampler top_k=3,") == []
    assert texts(shell, "/sampler nonsense=") == texts(shell, "/sampler nonsense=1,") == []


def test_a_stage_that_is_written_already_is_not_offered_again(shell):
    assert "/sampler top_k=3 top_p=" in texts(shell, "/sampler top_k=3 top_")
    assert "/sampler top_k=3 top_k=" not in texts(shell, "/sampler top_k=3 top_")
    assert texts(shell, "/sampler non") == ["/sampler none"]
    assert texts(shell, "/sampler top_k=3 non") == []


def test_the_settings_of_samplers_are_completed_in_set_and_regen(shell):
    assert texts(shell, "/set repeat_penalty") == ["/set repeat_penalty.window"]
    assert texts(shell, "/set unknown=s") == ["/set unknown=skip"]
    assert texts(shell, "/set no_repeat_ngram.unit w") == ["/set no_repeat_ngram.unit words"]
    assert texts(shell, "/regen temp") == ["/regen temperature="]
    assert texts(shell, "/regen temperature=") == ["/regen temperature=0.8", "/regen temperature=1"]
    assert texts(shell, "/regen no_repeat_ngram.unit=tokens,w") == ["/regen no_repeat_ngram.unit=tokens,words"]
    assert texts(shell, "/regen nonsense=") == []


def test_branches_that_can_be_deleted_help_and_the_end_of_a_recording_are_completed(shell):
    list(shell.handle("/branch other"))
    assert texts(shell, "/drop ") == ["/drop main"]
    assert texts(shell, "/help /und") == ["/help /undo"]
    assert texts(shell, "/record o") == ["/record off"]


def test_the_keys_of_a_recipe_are_completed_with_names_of_what_is_offered_and_files(shell, folder):
    (folder / "my.toml").write_text('architecture = "gru"')
    assert texts(shell, "/train my.toml arch") == ["/train my.toml architecture="]
    assert texts(shell, "/train my.toml architecture=gru") == ["/train my.toml architecture=gru_cell"]
    assert texts(shell, "/train my.toml tokenizer.name=w") == [
        "/train my.toml tokenizer.name=word",
        "/train my.toml tokenizer.name=whitespace",
    ]
    assert texts(shell, "/train my.toml defaults.strategy=gr") == ["/train my.toml defaults.strategy=greedy"]
    assert texts(shell, "/train my.toml data.text=in") == ["/train my.toml data.text=input.txt"]
    assert texts(shell, "/train my.toml model.hid") == ["/train my.toml model.hidden_size="]
    other = "/train my.toml architecture=elman model."
    assert f"{other}nonlinearity=" in texts(shell, other)
    assert f"{other}vocab_size=" not in texts(shell, other)
    assert texts(shell, "/train input.txt model.") == []  # what the file is for is not known before it is read


def test_the_series_of_a_table_are_completed_and_without_one_those_of_the_training(folder):
    (folder / "long.csv").write_text(LONG.replace("Bo,", "New York,"))
    shell = shell_for(model_of_firms())
    assert texts(shell, "/forecast @long.csv --series ") == [
        "/forecast @long.csv --series Ada",
        '/forecast @long.csv --series "New York"',
    ]
    assert texts(shell, "/forecast --series ") == ["/forecast --series Ada", "/forecast --series Bo"]
    assert texts(shell, "/forecast @missing.csv --series ") == []
    one = shell_for(tiny_forecast_model())
    assert texts(one, "/forecast @long.csv --series ") == texts(one, "/forecast --series ") == []
    assert texts(shell_for(tiny_model()), "/forecast @long.csv --series ") == []


def test_the_beginning_of_a_translation_is_completed_from_the_target_vocabulary(translator):
    words = [text.removeprefix(" ") for text in translator.session.model.tokenizer.tokens if text.startswith(" ")]
    letter = words[0][0]
    expected = [f"/translate --prefix {word}" for word in words if word.startswith(letter) and word != letter]
    assert expected
    assert texts(translator, f"/translate --prefix {letter}") == expected
    assert texts(translator, f"/translate -m english-french --prefix {letter}")[0].endswith(expected[0].split()[-1])
    assert texts(translator, "/translate --prefix ") == []


def test_nothing_is_opened_to_complete_a_value(shell):
    assert complete(shell, "/translate --prefix j").items == ()
    assert complete(shell_for(tiny_classification_model()), "/forecast --series ").items == ()
    assert list(shell.workspace.sessions) == ["tiny"]
