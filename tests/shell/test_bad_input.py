"""Every command answers bad input with one clear line, and leaves the session where it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqshell import SeqshellError
from seqshell.core.state import leaves
from seqshell.shell.shell import Shell
from seqshell.testing import tiny_checkpoint, tiny_classification_model, tiny_forecast_model, tiny_translation_model

# line -> what its error says
UNKNOWN = "tiny's vocabulary has no 'Z'"
BAD = {
    "/against main Z": UNKNOWN,
    "/feed Z": UNKNOWN,
    "/find-neuron a @letters.txt": UNKNOWN,
    "/gates Z": UNKNOWN,
    "/neuron 0[0,0] Z": UNKNOWN,
    "/probe --regex a @letters.txt": UNKNOWN,
    "/reseed Z": UNKNOWN,
    "/score Z": UNKNOWN,
    "/score --by word Z": UNKNOWN,
    '/steer +"Z" -"a"': UNKNOWN,
    '/steer +"a" -"Z"': UNKNOWN,
    "/trace Z": UNKNOWN,
    "/trace -o x.npz Z": UNKNOWN,
    "/trace -o x.html --what 0 a": "--what and --layer are of arrays: write them to a file, with -o FILE.npz",
    "/trace a b -o x.npz": "options come before the text, as in /trace -o FILE TEXT; after -- everything is text",
    "/state load dropped": "no state 'dropped'; available: here, zero, main",
    "/state diff here dropped": "no state 'dropped'; available: here, zero, main",
    "/state mix here dropped": "no state 'dropped'; available: here, zero, main",
    "/state drop dropped": "no saved state 'dropped'",
    "/against main@99": "'main@99' is outside main, which goes from @0 to @",
    "/against other@1": "no branch 'other'; available: main",
    "/clamp": "write a unit and its value; usage: /clamp UNIT=VALUE",
    "/clamp cell[9,9]=1": "no leaf 'cell'; available: ",
    "/lesion": "missing argument; usage: /lesion UNIT",
    '/steer +"abc"': "write two texts in quotes; usage: /steer",
    "/interventions on": "unexpected 'on'; usage: /interventions [clear [N]]",
    "/sweep": "missing argument; usage: /sweep [-o FILE] UNIT LOW..HIGH",
    "/sweep -o a.docx 0[0,3] 1..2": "unknown ending of a.docx; use .html, .svg, .png or .pdf for a picture",
    "/beams": "sample keeps no hypotheses beside its answer; /strategy beam does",
    "/beams now": "unexpected 'now'; usage: /beams [-o FILE]",
    "/what-if a=b": "nothing has been translated yet; use /translate TEXT first",
    "/pick": "choosing with keys needs a terminal",
    "/pick 1 999": "the number of the token must be 1 to ",
    "/pick x": "the number of a token must be a whole number from 0 to 1,000,000, not 'x'",
    "/explore": "choosing with keys needs a terminal",
    "/explore now": "unexpected 'now'; usage: /explore",
    "/tree 0": "the depth must be 1 to 50, not 0",
    "/tree top_p=x": "top_p must be 0 to 1, not 'x'",
    "/words 0": "the number of words must be 1 to 1,000, not 0",
    "/words many": "the number of words must be a whole number from 1 to 1,000, not 'many'",
    "/against": "missing argument; usage: /against",
    "/against main 0": "the number of tokens must be 1 to 1,000,000, not 0",
    '/against --chain "top_k=1" abc': "unexpected 'abc' after --chain; it takes a number of tokens",
    "/alt 99": "position 99 is outside this branch, which goes from 0 to ",
    "/alt Z": "'Z' is not in this branch's text",
    "/alt 1 0": "the number must be 1 to 1,000,000, not 0",
    "/architectures all": "no architecture 'all'; available: ",
    "/attention now": "unexpected 'now'; usage: /attention [-o FILE]",
    "/attention": "nothing has been translated yet; use /translate TEXT first",
    "/attention -o picture.gif": (
        "unknown ending of picture.gif; use .html, .svg, .png or .pdf for a picture, .json, .csv or .tsv for the number"
    ),
    "/attention -o nowhere/a.png": "cannot write nowhere/a.png: there is no folder nowhere",
    "/branch a b": "unexpected 'b'; usage: /branch [NAME]",
    "/branch -x": "invalid name '-x'",
    "/branch main": "main",
    "/branches all": "unexpected 'all'",
    "/checkout": "missing argument; usage: /checkout NAME",
    "/checkout nowhere": "nowhere",
    "/checkout main other": "unexpected 'other'",
    "/tag": "missing argument; usage: /tag [-m MODEL] TEXT|@FILE",
    "/tag -m tiny good": "the task of tiny is generate, not tag; /models lists the tasks",
    "/tag @nowhere.txt": "cannot read nowhere.txt: No such file or directory",
    "/tag -o . good": "cannot write .: it is a folder",
    "/tag -o a.xyz good": "unknown ending of a.xyz",
    "/classify": "missing argument; usage: /classify [-m MODEL] TEXT|@FILE",
    "/classify   ": "missing argument; usage: /classify [-m MODEL] TEXT|@FILE",
    "/classify --explain": "missing argument",
    "/classify -m": "-m needs a value: -m MODEL",
    "/classify -m nothing good": "no model 'nothing'",
    "/classify -m tiny good": "the task of tiny is generate, not classify; /models lists the tasks",
    "/classify -m ./rubbish.safetensors good": "rubbish.safetensors is truncated: it has 7 bytes",
    "/classify -x good": "/classify has no option -x",
    "/classify @nowhere.txt": "cannot read nowhere.txt: No such file or directory",
    "/classify @binary.en": "binary.en is not UTF-8 in line 1",
    "/classify @notes.txt -o a.txt more": "unexpected 'more' after @notes.txt; only options may follow",
    "/classify @notes.txt -o nowhere/a.txt": "cannot write nowhere/a.txt: there is no folder nowhere",
    "/classify -o . good": "cannot write .: it is a folder",
    "/classify @notes.txt -o a.png": "a text cannot be written as a picture; end a.png in .txt or .json",
    "/classify \u4eca\u65e5": "sentiment's vocabulary has no part of '\u4eca\u65e5'; its characters: abcdefgh",
    "/clamp 0[99]=1": "0[99] is outside 0, which goes from 0[0,0] to 0[0,7]",
    "/clamp 0[0]=nan": "the value of 0[0] must be a finite number, not 'nan'",
    "/lesion cell": "no leaf 'cell'; available: 0",
    "/steer love": 'write two texts in quotes; usage: /steer +"TEXT" -"TEXT" [STRENGTH] [once|every]',
    '/steer +"a" -"a"': "the two texts are equal ('a'), so their states have no difference",
    '/steer +"a" -"b" much': "the strength must be a number, not 'much'",
    "/interventions clear": "no interventions are active here; /clamp, /lesion and /steer begin some",
    "/interventions all": "unexpected 'all'; usage: /interventions [clear [N]]",
    "/sweep 0[0]": "missing argument; usage: /sweep [-o FILE] UNIT LOW..HIGH",
    "/sweep 0[0] 2..-2": "the range must go from a lower value to a higher one, not 2..-2",
    "/close": "missing argument; usage: /close NAME",
    "/close nothing": "'nothing' is not open; open: tiny",
    "/continue 0": "the number of tokens must be 1 to 1,000,000, not 0",
    "/continue 1000001": "the number of tokens must be 1 to 1,000,000, not 1000001",
    "/continue many": "the number of tokens must be a whole number from 1 to 1,000,000, not 'many'",
    "/continue 3 4": "unexpected '4'",
    "/drop": "missing argument; usage: /drop NAME",
    "/drop main": "main",
    "/drop nowhere": "nowhere",
    "/expect": "missing argument; usage: /expect TEXT",
    "/expect never": "the last result does not contain 'never'",
    "/export": "missing argument; usage: /export FILE",
    "/export all.txt": "a session is exported as .html",
    "/export all.doc": "a session is exported as .html",
    "/feed": "missing argument; usage: /feed TEXT|@FILE",
    "/feed Z9": "vocabulary has no 'Z', '9' (characters 1 to 2 of your text)",
    "/feed @nowhere.txt": "cannot read nowhere.txt: No such file or directory",
    "/feed @/dev/zero": "/dev/zero is not a regular file",
    "/find-neuron": "missing pattern; usage: /find-neuron",
    "/find-neuron a": "and units are ranked in 500 or more",
    "/find-neuron ( @notes.txt": "'(' is not a regular expression",
    "/find-neuron Z @notes.txt": "'Z' matches nothing in these 800 characters",
    "/forecast": (
        "oil-temperature has observed nothing yet; "
        "write values separated by spaces or commas, oldest first, such as 10 10.5"
    ),
    "/forecast 0": "the number of steps must be 1 to 10,000, not 0",
    "/forecast many": "the number of steps must be a whole number from 1 to 10,000, not 'many'",
    "/forecast 99": "oil-temperature forecasts 1 to 4 steps, not 99",
    "/forecast 1 2": "unexpected '2'; usage: /forecast [N] [@FILE]",
    "/forecast 1 @a @b": "unexpected '@b'",
    "/forecast -m tiny": "the task of tiny is generate, not forecast; /models lists the tasks",
    "/forecast -m nothing": "no model 'nothing'",
    "/forecast -x": "/forecast has no option -x",
    "/forecast @nowhere.csv": "cannot read nowhere.csv: No such file or directory",
    "/forecast @gap.csv": "gap.csv: a value is missing (line 3, column value); a series cannot have gaps of more",
    "/forecast @word.csv": "word.csv: 'warm' is not a number (line 3, column value)",
    "/forecast @other.csv": "other.csv: the table has no column 'value', which the model reads; it has when, what",
    "/forecast @empty.csv": "empty.csv is empty: it has no values",
    "/forecast @binary.en": "binary.en is not UTF-8 in line 1",
    "/train deep.json": "deep.json: not JSON: it is nested too deeply",
    "/forecast --example -o a.gif": (
        "unknown ending of a.gif; use .html, .svg, .png or .pdf for a picture, .json, .csv or .tsv for the "
        "numbers, or .txt"
    ),
    "/forecast --example -o nowhere/a.png": "cannot write nowhere/a.png: there is no folder nowhere",
    "/help nothing": "there is no command /nothing",
    "/help undo redo": "unexpected 'redo'",
    "/history 5": "unexpected '5'",
    "/gates @nowhere.txt": "cannot read nowhere.txt",
    "/info tiny": "unexpected 'tiny'",
    "/lags": "missing argument; usage: /lags [-o FILE] MODEL ...",
    "/lags nothing": "no model 'nothing'",
    "/lags ./tiny.safetensors": "./tiny.safetensors has no training beside it: there is no tiny.run/metrics.jsonl",
    "/lesson vanish": "there is no lesson 'vanish'; did you mean vanishing?",
    "/lesson gates now": "unexpected 'now'; usage: /lesson [NAME]",
    "/mix": "missing argument; usage: /mix MODEL=WEIGHT ...",
    "/mix tiny=0": "the weight of tiny must be a number above 0, not '0'",
    "/mix tiny tiny=2": "a model is named twice; write each with its weight once",
    "/mix tiny nothing": "no model 'nothing'",
    "/load": "missing argument; usage: /load NAME|PATH",
    "/load nothing": "no model 'nothing'",
    "/load ./nothing.safetensors": "no file './nothing.safetensors'",
    "/load weights.pt": "no model 'weights.pt'",
    "/load ./weights.pt": "weights.pt is a text that begins with 'no weights', not a model",
    "/load ./rubbish.safetensors": "rubbish.safetensors is truncated: it has 7 bytes",
    "/load /dev/null": "/dev/null is a special file, not a checkpoint",
    "/models all": "unexpected 'all'",
    "/neuron": "missing argument; usage: /neuron",
    "/neuron cell[0]": "no leaf 'cell'; available: 0",
    "/neuron 0": "0 is 1 x 8 numbers; name one of them, 0[0,0] to 0[0,7]",
    "/neuron 0[0,3] Z9": "vocabulary has no 'Z', '9'",
    "/plugins --everything": "/plugins has no option --everything",
    "/plugins all": "unexpected 'all'",
    "/quit now": "the exit code must be a whole number from 0 to 255, not 'now'",
    "/quit 256": "the exit code must be 0 to 255, not 256",
    "/probe": "missing argument; usage: /probe",
    "/reach 0": "the number of tokens must be 1 to 1,000, not 0",
    "/reach far": "the number of tokens must be a whole number from 1 to 1,000, not 'far'",
    "/reach 3 4 5": "unexpected '5'",
    "/recipes all": "unexpected 'all'",
    "/record": "missing argument; usage: /record FILE|off",
    "/record off": "no recording to stop; /record FILE starts one",
    "/record nowhere/lesson.seq": "cannot write",
    "/record notes.txt": "notes.txt exists and is not a recording",
    "/redo 0": "the number of turns must be 1 to 1,000,000, not 0",
    "/redo 2t": "the number of turns must be a whole number",
    "/regen 0": "the number of candidates must be 1 to 100, not 0",
    "/regen 101": "the number of candidates must be 1 to 100, not 101",
    "/regen temperature=": "write 1 to 100 values after temperature=, separated by commas",
    "/regen temperature=0.5,-1": "temperature",
    "/regen tempo=1,2": "tempo",
    "/reseed Z9": "vocabulary has no 'Z', '9'",
    "/reset now": "unexpected 'now'",
    "/restore": "missing argument; usage: /restore NAME|PATH",
    "/restore nothing": "no saved session 'nothing'",
    "/restore ./rubbish.safetensors": "rubbish.safetensors is truncated: it has 7 bytes",
    "/rewind": "missing argument; usage: /rewind POS|-N|TEXT",
    "/rewind 99": "99",
    "/rewind -99": "99",
    "/rewind 99999999999999999999": "the position must be",
    '/rewind "Zebra"': "Zebra",
    "/preset lod hf": "no action 'lod'; did you mean load?",
    "/preset load nosuch": "no preset 'nosuch'; available: ",
    "/preset save hf": "hf comes with seqshell and cannot be replaced; choose another name",
    "/preset save a/b": "invalid name 'a/b': use 1 to 64 letters",
    "/preset drop nosuch": "no preset 'nosuch'; none is available",
    "/sampler top_q=3": "no sampler 'top_q'; did you mean top_",
    "/sampler top_k=-3": "top_k must be at least 0, not '-3'",
    "/sampler temperature=nan": "temperature",
    "/sampler top_k=3 +min_p=0.1": "either write the whole chain, or begin every sampler with + or -",
    "/samplers all": "unexpected 'all'",
    "/save": "missing argument; usage: /save [--force] NAME|PATH",
    "/save ..": "invalid name '..'",
    "/save nowhere/lesson.safetensors": "cannot write nowhere/lesson.safetensors",
    "/save /dev/null": "/dev/null",
    "/score": "missing argument; usage: /score [-o FILE]",
    "/score Z9": "vocabulary has no 'Z', '9'",
    "/seed seven": "the seed must be a whole number from 0 to 18,446,744,073,709,551,615, not 'seven'",
    "/seed -1": "the seed must be 0 to 18,446,744,073,709,551,615, not -1",
    "/set color red": "color must be off, surprisal or neuron UNIT, not 'red'",
    "/set color neuron 0[0,9]": "0[0,9] is outside 0, which goes from 0[0,0] to 0[0,7]",
    "/set max_token": "there is no setting 'max_token'; did you mean max_tokens?",
    "/set max_tokens 0": "max_tokens must be 1 to 1,000,000, not '0'",
    "/set max_tokens many": "max_tokens must be 1 to 1,000,000, not 'many'",
    f"/set stop {'[' * 5000}": "stop must be at most 16 texts of at most 1000 characters",
    "/set top_k 1.5": "top_k must be at least 0, not '1.5'",
    "/set unknown maybe": "unknown must be error or skip, not 'maybe'",
    "/set temperature -1": "temperature",
    "/source": "missing argument; usage: /source [--step] FILE",
    "/source nowhere.seq": "cannot read nowhere.seq",
    "/source self.seq": "self.seq:1: self.seq runs self.seq",
    "/source failing.seq": "failing.seq:2: there is no command /lod",
    "/source open.seq": "the block is not closed",
    "/source --slowly self.seq": "/source has no option --slowly",
    "/spectrum Z": "vocabulary has no 'Z'",
    "/state now": "no action 'now'; available: save, list, drop, load, diff, mix, set, add",
    "/state --force list": "/state list has no option --force",
    "/state save": "missing argument; usage: /state save NAME|PATH",
    "/state save zero": "zero is the initial state; save it under another name",
    "/state save main": "main is a branch; save the state under another name",
    "/state save a@2": "invalid name 'a@2'",
    "/state save ./rubbish.safetensors": "rubbish.safetensors is truncated: it has 7 bytes",
    "/state save nowhere/kept.safetensors": "cannot write nowhere/kept.safetensors",
    "/state list all": "unexpected 'all'; usage: /state list",
    "/state drop": "missing argument; usage: /state drop NAME",
    "/state drop nothing": "no saved state 'nothing': none exists yet; /state save NAME saves one",
    "/state drop ./rubbish.safetensors": "is a path; /state drop deletes saved states by name",
    "/state load": "missing argument; usage: /state load STATE|PATH",
    "/state load nothing": "no state 'nothing'; available: here, zero, main",
    "/state load ./rubbish.safetensors": "rubbish.safetensors is truncated: it has 7 bytes",
    "/state load @999": "'@999' is outside main, which goes from @0 to",
    "/state load mian@0": "no branch 'mian'; did you mean main?",
    "/state diff here": "missing argument; usage: /state diff A B",
    "/state diff here zero main": "unexpected 'main'; usage: /state diff A B",
    "/state diff here now": "no state 'now'",
    "/state mix here": "missing argument; usage: /state mix A B [WEIGHT] [PART]",
    "/state mix here zero nan": "the weight must be a finite number, such as 0.5, not nan",
    "/state mix here zero 1e999": "the weight must be a finite number",
    "/state mix here zero cell": "no leaf 'cell'; available: 0",
    "/state mix here zero 0[0] 0.5": "unexpected '0.5'; usage: /state mix A B [WEIGHT] [PART]",
    "/state set 0[0]": "missing argument; usage: /state set UNIT VALUE",
    "/state set 0[9999] 1": "0[9999] is outside 0, which goes from 0[0,0] to 0[0,7]",
    "/state set 0[0] nan": "the value of 0[0] must be a finite number, not 'nan'",
    "/state set 0[0] much": "the value of 0[0] must be a finite number, not 'much'",
    "/state add 0[0] 1e99": "the value is too large for 0[0], which is float32",
    "/strategies all": "unexpected 'all'",
    "/strategy greddy": "no strategy 'greddy'; did you mean greedy?",
    "/strategy greedy width=3": "greedy has no setting",
    "/text all": "unexpected 'all'; usage: /text",
    "/text -o": "-o needs a value: -o FILE",
    "/text -o nowhere/a.txt": "cannot write nowhere/a.txt",
    "/text -o a.txt.gz": "cannot write a.txt.gz: what is written is not packed; leave out .gz",
    "/text -o picture.docx": "unknown ending of picture.docx; use .html, .svg, .png or .pdf for a picture",
    "/text -o /dev/null": "cannot write /dev/null",
    "/top 0": "the number of tokens must be 1 to 1,000, not 0",
    "/top all": "the number of tokens must be a whole number from 1 to 1,000, not 'all'",
    "/tour now": "unexpected 'now'",
    "/train": "missing argument; usage: /train RECIPE|FILE [FILE] [KEY=VALUE ...]",
    "/train nothing": "no recipe or file 'nothing'",
    "/train notes.txt fast": "no file 'fast'; train takes one recipe, one file, or a source and a target file",
    "/train notes.txt notes.txt fast": (
        "unexpected 'fast'; after the recipe or the files, write KEY=VALUE, such as training.epochs=3"
    ),
    "/train numbers notes.txt": (
        "'numbers' is a recipe; train takes one recipe, one file, or a source and a target file"
    ),
    "/train notes.txt training.epoch=3": "training.epoch; did you mean training.epochs?",
    "/train notes.txt training.epochs=0": "epochs must be 1 to",
    "/translate": "missing argument; usage: /translate [-m MODEL] TEXT|@FILE",
    "/translate   ": "missing argument; usage: /translate [-m MODEL] TEXT|@FILE",
    "/translate -m": "-m needs a value: -m MODEL",
    "/translate -m nothing i love you": "no model 'nothing'",
    "/translate -m tiny i love you": "the task of tiny is generate, not translate; /models lists the tasks",
    "/translate -m ./tiny.safetensors i love you": "the task of ./tiny.safetensors is generate, not translate",
    "/translate -m ./rubbish.safetensors i": "rubbish.safetensors is truncated: it has 7 bytes",
    "/translate -x i love you": "/translate has no option -x",
    "/translate @nowhere.en": "cannot read nowhere.en: No such file or directory",
    "/translate @binary.en": "binary.en is not UTF-8 in line 1",
    "/translate @notes.txt -o a.fr more": "unexpected 'more' after @notes.txt; only options may follow",
    "/translate @notes.txt -o nowhere/a.fr": "cannot write nowhere/a.fr: there is no folder nowhere",
    "/translate -o . i love you": "cannot write .: it is a folder",
    "/translate -o a.png i love you": "a text cannot be written as a picture; end a.png in .txt or .json",
    "/translate \u4eca\u65e5\u306f": "english-french's vocabulary has no part of '\u4eca\u65e5\u306f'",
    f"/translate {'love ' * 10_000}": (
        "the text has 10,000 tokens; the memory and time of attention grow with them, so the limit is 3,999"
    ),
    "/translate --prefix zebra i love you": "english-french's vocabulary has no part of 'zebra'",
    '/translate --prefix "je zebra" i love you': (
        "english-french's vocabulary has no 'zebra', so no answer can begin with it"
    ),
    "/trace": "missing argument; usage: /trace",
    "/undo 0": "the number of turns must be 1 to 1,000,000, not 0",
    "/undo 0t": "the number of tokens must be 1 to 1,000,000, not 0",
    "/undo 99": "only 1 turn can be undone",
    "/undo 99t": "99",
    "/undo last": "the number of turns must be a whole number from 1 to 1,000,000, not 'last'",
}


@pytest.fixture
def shell(registry, folder):
    """A shell on a tiny model that has answered once, in a folder with files that are not what they seem."""
    for name, text in {
        "weights.pt": "no weights",
        "rubbish.safetensors": "rubbish",
        "notes.txt": "abc " * 200,
        "self.seq": "/source self.seq\n",
        "failing.seq": "/state\n/lod\n",
        "open.seq": '"""\nabc\n',
        "empty.csv": "",
        "deep.json": "[" * 100_000,
        "gap.csv": "x,value\n1,1.5\n2,\n3,\n4,\n5,\n6,2\n",
        "word.csv": "date,value\n2020-01-01,1.5\n2020-01-02,warm\n",
        "other.csv": "when,what\n1,2\n",
    }.items():
        (folder / name).write_text(text)
    shell = Shell(registry)
    shell.open(tiny_checkpoint(folder / "tiny.safetensors"))
    shell.workspace.add(replace(tiny_translation_model(), name="english-french"), background=True)
    shell.workspace.add(replace(tiny_classification_model(), name="sentiment"), background=True)
    shell.workspace.add(replace(tiny_forecast_model(), name="oil-temperature"), background=True)
    (folder / "binary.en").write_bytes(b"i love\xff you\n")
    (folder / "letters.txt").write_text("abZ" * 300)
    for line in ("/set max_tokens 4", "abc", "/state save dropped", "/state drop dropped"):
        list(shell.handle(line))
    return shell


def place_of(session):
    """Where a session is, and everything that an answer depends on."""
    here, text = session.here, session.text()
    state = [leaf.tobytes() for leaf in leaves(here.state)], here.outputs.tobytes(), session.interventions
    return here.node, session.branches(), text, state, session.seed, session.retry, session.chain, session.strategy


@pytest.mark.parametrize("line", BAD)
def test_bad_input_gives_a_one_line_error_and_changes_nothing(shell, folder, line):
    before = place_of(shell.session)

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))

    message = caught.value.message
    assert BAD[line] in message
    assert "\n" not in message
    assert len(message) < 400
    assert not message.removesuffix("...").endswith(".")
    assert message == str(caught.value)
    assert place_of(shell.session) == before
    assert not list(folder.glob("x.*"))


def test_every_command_is_tested_with_bad_input(shell):
    tried = {shell.find_command(line.split()[0]).name for line in BAD}

    assert tried == {shell.registry.commands[name].name for name in shell.registry.commands}


# The same for a model that translates; what stands there is "i love the cat ." and its translation.
BAD_FOR_TRANSLATIONS = {
    "/continue": "/continue is for the task generate; english-french has the task translate",
    "/feed i love you": "/feed is for the task forecast or generate",
    "/reseed i love you": "/reseed is for the task forecast or generate",
    "/score i love you": "usage: /score SOURCE => TARGET",
    "/score => le chat": "usage: /score SOURCE => TARGET",
    "/score i love the cat =>": "usage: /score SOURCE => TARGET",
    "/score \u4eca => le chat": "vocabulary has no part of '\u4eca'",
    "/strategy beam width=1001": "width must be 1 to 1,000, not '1001'",
    "/regen 101": "the number of candidates must be 1 to 100, not 101",
    "/set nbest 0": "nbest must be 1 to 100, not '0'",
    "/set unk maybe": "unk must be on or off, not 'maybe'",
    "\u4eca\u65e5\u306f": "english-french's vocabulary has no part of",
    "/translate": "missing argument",
    "love " * 10_000: "the text has 10,000 tokens",
    "/attention -o /dev/null": "cannot write /dev/null: it is not a regular file",
}


@pytest.mark.parametrize("line", BAD_FOR_TRANSLATIONS, ids=lambda line: line[:40])
def test_bad_input_does_not_change_a_translation(shell, line):
    shell.workspace.use("english-french")
    list(shell.handle("i love the cat ."))
    before = (
        shell.session.text(),
        shell.session.position,
        shell.session.strategy,
        shell.session.attention().source,
        shell.settings.get("nbest"),
    )

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))

    assert BAD_FOR_TRANSLATIONS[line] in caught.value.message
    assert "\n" not in caught.value.message
    session = shell.session
    assert (
        session.text(),
        session.position,
        session.strategy,
        session.attention().source,
        shell.settings.get("nbest"),
    ) == before


# model -> line -> what its error says; a text was labelled, or three values observed
BAD_FOR_OTHER_TASKS = {
    "sentiment": {
        "/continue": "/continue is for the task generate; sentiment has the task classify",
        "/feed good": "/feed is for the task forecast or generate",
        "/regen": "/regen is for the task generate or translate",
        "/strategy beam": "/strategy is for the task generate or translate",
        "/top": "/top is for the task generate or translate",
        "\u4eca": "sentiment's vocabulary has no part of '\u4eca'",
        "/forecast": "oil-temperature has observed nothing yet",
    },
    "oil-temperature": {
        "warm": "'warm' is not a number (value 1)",
        "1.0 warm": "'warm' is not a number (value 2)",
        "1 nan": "'nan' is a missing value (value 2); a series cannot have gaps",
        "1e400": "1e400 is too large (value 1)",
        "/forecast 99": "oil-temperature forecasts 1 to 4 steps, not 99",
        "/continue": "/continue is for the task generate; oil-temperature has the task forecast",
        "/set horizon 0": "horizon must be 1 to 10,000, not '0'",
        "/reach": "/reach is for the task classify or generate",
        "/classify": "missing argument",
    },
}


@pytest.mark.parametrize(
    ("model", "line"), [(model, line) for model, lines in BAD_FOR_OTHER_TASKS.items() for line in lines]
)
def test_bad_input_does_not_change_a_label_or_a_series(shell, model, line):
    shell.workspace.use(model)
    list(shell.handle("abc" if model == "sentiment" else "1 2 3"))
    before = (shell.session.text(), shell.session.position, shell.session.strategy)

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle(line))

    assert BAD_FOR_OTHER_TASKS[model][line] in caught.value.message
    assert "\n" not in caught.value.message
    assert (shell.session.text(), shell.session.position, shell.session.strategy) == before


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["/strategy beam width=14"], "width"),  # the vocabulary has 13 tokens
        (
            ["/strategy greedy", "/set nbest 5"],
            "greedy generates one answer; for the 5 best, use a search such as /strategy beam",
        ),
        (["/strategy beam width=2", "/set nbest 5"], "5"),
    ],
)
def test_an_unsuitable_strategy_is_reported_in_one_line(shell, settings, reason):
    shell.workspace.use("english-french")
    for line in ("i love the cat .", *settings):
        list(shell.handle(line))
    before = shell.session.text()

    with pytest.raises(SeqshellError) as caught:
        list(shell.handle("i see the dog ."))

    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert shell.session.text() == before


def test_commands_that_need_a_model_report_that_none_is_open(shell):
    for name in ("tiny", "english-french", "sentiment", "oil-temperature"):
        shell.workspace.close(name)
    for line in (
        "abc",
        "/undo",
        "/continue",
        "/feed abc",
        "/top",
        "/score abc",
        "/state",
        "/text",
        "/info",
        "/branches",
        "/save x",
        "/record y",
    ):
        with pytest.raises(SeqshellError, match="no model is open; /load NAME opens one"):
            list(shell.handle(line))
