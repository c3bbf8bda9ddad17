"""Words known from other programs: each error suggests a line, and the line runs as it is shown."""

from __future__ import annotations

import re

import pytest
from tests.shell.sending import fails, notices

from seqshell.cli.program import SUBCOMMANDS
from seqshell.shell.foreign_words import COMMANDS, SETTINGS
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint, tiny_classification_model, tiny_forecast_model

# What the user writes: what the error suggests.
SUGGESTED = {
    "/again": "/regen",
    "/back": "/undo",
    "/config": "/set",
    "/explain abc": "/classify --explain abc",
    "/label abc": "/classify abc",
    "/why abc": "/classify --explain abc",
    "/forget": "/reset",
    "/fork other": "/branch other",
    "/gen": "/continue",
    "/generate": "/continue",
    "/goto 1": "/rewind 1",
    "/h": "/help",
    "/logits": "/top",
    "/ls": "/models",
    "/model second": "/load second",
    "/more": "/continue",
    "/new": "/reset",
    "/next": "/top",
    "/open second": "/load second",
    "/options": "/set",
    "/params": "/set",
    "/perplexity abc": "/score abc",
    "/probs": "/top",
    "/q": "/quit",
    "/read notes.txt": "/feed @notes.txt",
    "/restart": "/reset",
    "/run second": "/load second",
    "/settings": "/set",
    "/show info": "/info",
    "/show license": "/info",
    "/show modelfile": "/info",
    "/show parameters": "/set",
    "/show system": "/text",
    "/show template": "/text",
    "/stats": "/state",
    "/switch main": "/checkout main",
    "/system abc": "/feed abc",
    "/use second": "/load second",
    "/write all.txt": "/text -o all.txt",
    # settings as commands, strategies and models
    "/temperature 0.5": "/set temperature 0.5",
    "/temperature": "/set temperature",
    "/temp 0.5": "/set temperature 0.5",
    "/top-k 5": "/set top_k 5",
    "/max_tokens 7": "/set max_tokens 7",
    "/num_predict 7": "/set max_tokens 7",
    "/beam width=4": "/strategy beam width=4",
    "/greedy": "/strategy greedy",
    "/second": "/load second",
    "/temperature=0.5": "/set temperature 0.5",
    "/regen3": "/regen 3",
    "/undo1t": "/undo 1t",
    "/UNDO": "/undo",
    "/set beam 4": "/strategy beam",
    "/set help": "/help set",
    "/set prompt abc": "/feed abc",
    # settings
    "/set beam_size 4": "/strategy beam width=4",
    "/set beams 4": "/strategy beam width=4",
    "/set num_beams 4": "/strategy beam width=4",
    "/set beam.width 4": "/strategy beam width=4",
    "/set width 4": "/strategy beam width=4",
    "/set do_sample true": "/strategy sample",
    "/set history": "/history",
    "/set model second": "/load second",
    "/set num_return_sequences 3": "/regen 3",
    "/set param temperature 0.5": "/set temperature 0.5",
    "/set parameter temperature 0.5": "/set temperature 0.5",
    "/set sampler top_k=3": "/sampler top_k=3",
    "/set seed 4": "/seed 4",
    "/set strategy greedy": "/strategy greedy",
    "/set system abc": "/feed abc",
    "/set color on": "/set color surprisal",
    "/set color neuron": "/state to see the units",
    "/set num_ctx 2048": "/reach to see how far back the model remembers",
    "/set verbose on": "/top or /state to see what the model computes",
    "/seed abc": "/reseed abc starts a text with it",
}


# The same for keys and for programs outside the shell.
ELSEWHERE = {
    "/cls": "Ctrl-L at the prompt",
    "/compare": "seqshell compare outside the shell",
    "/cp": "seqshell cp outside the shell",
    "/delete": "seqshell rm outside the shell",
    "/edit": "Ctrl-X Ctrl-E at the prompt",
    "/evaluate": "seqshell evaluate outside the shell",
    "/import": "seqshell import outside the shell",
    "/pull": "seqshell pull outside the shell",
    "/rm": "seqshell rm outside the shell",
    "/set format json": "seqshell --json outside the shell",
    "/stop": "Ctrl-C at the prompt",
}


# A setting: a setting here, with a value.
RENAMED = {
    "colour": ("color", "surprisal"),
    "eos": ("stop", "x"),
    "length": ("max_tokens", "4"),
    "logit_bias": ("bias", "a:+2"),
    "max_len": ("max_tokens", "4"),
    "max_length": ("max_tokens", "4"),
    "max_new_tokens": ("max_tokens", "4"),
    "n_best": ("nbest", "4"),
    "n_predict": ("max_tokens", "4"),
    "n_tokens": ("max_tokens", "4"),
    "num_predict": ("max_tokens", "4"),
    "num_tokens": ("max_tokens", "4"),
    "rep_pen": ("repeat_penalty", "1.1"),
    "repeat_last_n": ("repeat_penalty.window", "64"),
    "repetition_penalty": ("repeat_penalty", "1.1"),
    "steps": ("horizon", "4"),
    "stop_sequences": ("stop", "x"),
    "stop_words": ("stop", "x"),
    "temp": ("temperature", "0.5"),
    "tokens": ("max_tokens", "4"),
    "topk": ("top_k", "4"),
    "topp": ("top_p", "0.5"),
}


@pytest.fixture
def shell(registry, folder):
    """A shell on a tiny model that has answered, with a second model in the user's folder."""
    (folder / "home" / "models").mkdir(parents=True)
    tiny_checkpoint(folder / "home" / "models" / "second.safetensors")
    (folder / "notes.txt").write_text("abc")
    shell = Shell(registry)
    shell.open("second")
    for line in ("/set max_tokens 4", "abc"):
        list(shell.handle(line))
    return shell


def line_in(suggestion):
    """The line to type, without the words around it."""
    return re.split(r" or /| to see | starts ", suggestion)[0]


@pytest.mark.parametrize("line", SUGGESTED)
def test_the_line_that_an_error_suggests_runs(shell, line):
    assert fails(shell, line).hint == SUGGESTED[line]
    list(shell.handle(line_in(SUGGESTED[line])))


@pytest.mark.parametrize("line", ELSEWHERE)
def test_what_is_done_outside_the_shell_is_named(shell, line):
    error = fails(shell, line)
    assert error.message.endswith(f"; use {ELSEWHERE[line]}")
    program, name, *_ = ELSEWHERE[line].split()
    assert program.startswith("Ctrl-") or name in (*SUBCOMMANDS, "--json", "--color=always")


@pytest.mark.parametrize("name", RENAMED)
def test_a_setting_known_by_another_name_is_named(shell, name):
    known, value = RENAMED[name]
    assert fails(shell, f"/set {name} {value}").message == f"there is no setting {name!r}; use {known}"
    list(shell.handle(f"/set {known} {value}"))


def test_every_word_known_from_elsewhere_is_tried():
    tried = {" ".join(line[1:].split()[: 2 if line.startswith("/show") else 1]) for line in (*SUGGESTED, *ELSEWHERE)}
    assert set(COMMANDS) <= tried
    lines = {line.split()[1] for line in (*SUGGESTED, *ELSEWHERE) if line.startswith("/set ")}
    assert set(SETTINGS) <= {*RENAMED, *lines}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/set k 4", "there is no setting 'k'; did you mean top_k?"),
        ("/set p 4", "there is no setting 'p'; did you mean typical_p or top_p or min_p?"),
        ("/set t 4", "there is no setting 't'; did you mean temperature?"),
        (
            "/set window 4",
            "there is no setting 'window'; did you mean repeat_penalty.window or presence_penalty.window or "
            "frequency_penalty.window or no_repeat_ngram.window?",
        ),
        ("/set top-k 4", "there is no setting 'top-k'; did you mean top_k?"),
        ("/set qqq y", "there is no setting 'qqq'; /set lists them"),
        ("/set temperature x", "temperature must be 0 to 100, not 'x'"),
        ("/sampler temperature=-1", "temperature must be 0 to 100, not '-1'"),
        ("/set repeat_penalty.window 0", "repeat_penalty: window must be 1 to 1,000,000, not '0'"),
        ("/strategy beam 4", "cannot read '4': write beam width=VALUE"),
        ("/sampler top_k 40", "cannot read '40': write top_k=40"),
        (
            "/sampler off",
            "no sampler 'off'; available: repeat_penalty, presence_penalty, frequency_penalty, no_repeat_ngram, bias, "
            "ban, pattern, top_k, typical_p, top_p, min_p, temperature, mirostat, none",
        ),
        ("/regen max_tokens=3,4", "max_tokens is the same for all candidates; /set max_tokens VALUE changes it"),
        ("/regen num_predict=3,4", "max_tokens is the same for all candidates; /set max_tokens VALUE changes it"),
        ("/regen temp=1,2", "'temp' is not a setting of a sampler; did you mean temperature?"),
        ("/regen zzz=1,2", "'zzz' is not a setting of a sampler; /samplers lists them"),
        ("/record stop", "/record off stops a recording; to record in a file stop, write ./stop"),
        ("/record nowhere/a.seq", "cannot write nowhere/a.seq: there is no folder nowhere"),
        ("/info second", "unexpected 'second'; /info describes the current model, /load second opens another"),
        ("/text > file", "unexpected '>'; usage: /text [-o FILE]"),
        ("/feed @", "@ needs the name of a file: @FILE"),
        ("/strategy greedy 4", "cannot read '4': greedy has no settings"),
    ],
)
def test_errors_name_settings_as_set_does(shell, line, message):
    assert fails(shell, line).message == message


def test_a_plugins_command_has_its_own_name(registry):
    """A word that is known from elsewhere suggests nothing if a plugin offers the command."""
    import seqshell
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry

    class Plugin:
        __name__ = "newer"

        @seqshell.hookimpl
        def seqshell_commands(self):
            @seqshell.command("new")
            def new(shell, arguments):
                """Do nothing; the state does not change."""
                yield from ()

            yield new

    shell = Shell(load_registry(Policy(no_plugins=True), modules=[Plugin()]))
    assert shell.find_command("new").name == "new"


def test_a_text_that_is_the_name_of_a_file_is_noted(shell, folder):
    (folder / "abc").write_text("a")
    assert notices(shell, "/score abc") == ["abc is taken as text; @abc reads the file"]
    assert notices(shell, '/score "abc"') == notices(shell, "/score ab") == notices(shell, "/score @abc") == []
    (folder / "numbers").write_text("1 2")
    assert fails(shell, "/forecast numbers.csv").hint == "@numbers.csv reads a file"
    shell.settings.set("unknown", "skip")
    assert notices(shell, "@abc")[0] == "@abc is taken as text; /feed @abc reads the file"
    assert not any("is taken as text" in notice for notice in notices(shell, "@ab"))
    path = folder / "abc"
    assert fails(shell, str(path)).message.endswith(f"; /feed @{path} reads the file, /{path} sends its name as a text")


def test_an_escape_outside_quotes_is_noted(shell):
    told = r'\n stays as it is written; for a newline or a tab, write "\n" in quotes'
    assert notices(shell, r"/set stop \n") == [told]
    assert notices(shell, r'/set stop "\n"') == notices(shell, "/set stop n") == []


def test_a_command_for_another_task_names_a_model_that_has_it(registry, folder):
    shell = Shell(registry)
    shell.workspace.add(tiny_classification_model())
    assert fails(shell, "/continue").hint == "/load shakespeare opens another model"
    shell.workspace.add(tiny_forecast_model())
    assert fails(shell, "/reach").hint == "/load shakespeare opens another model"
