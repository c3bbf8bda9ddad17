"""The line language: messages, commands, comments, blocks, and what stands after a command's name."""

import os

import pytest

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import Option, command
from seqshell.shell import syntax
from seqshell.shell.syntax import CommandLine, Message, parse


@command("feed", usage="TEXT|@FILE", free_text=True)
def plain_text(shell, arguments):
    yield from ()


@command("translate", options={"-o FILE": "there", "-m MODEL": "with it", "--all": "all"}, free_text=True)
def text_with_options(shell, arguments):
    yield from ()


@command("source", options=(Option("--step"), Option("-o", "FILE")))
def words_with_options(shell, arguments):
    yield from ()


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("ROMEO:", Message("ROMEO:")),
        ("  two spaces \t", Message("  two spaces \t")),
        ("a\\n", Message("a\\n")),
        ("/undo", CommandLine("undo", "")),
        ("/undo 2", CommandLine("undo", "2")),
        ("/feed  a ", CommandLine("feed", " a ")),
        ("/feed\ta", CommandLine("feed", "a")),
        ("/?", CommandLine("?", "")),
        ("/owner/poem x", CommandLine("owner/poem", "x")),
        ("/été", CommandLine("été", "")),
        ("//undo", Message("/undo")),
        ("// a", Message("/ a")),
        ("/# why", None),
        ("/ a", Message("/ a")),
        ("/1", Message("/1")),
        ("/", Message("/")),
        ("", Message("")),
        ('"""a"""', Message("a")),
        ('"""\na\n\nb\n"""', Message("a\n\nb")),
        ('"""a\nb"""', Message("a\nb")),
        ('"""\n\na\n"""', Message("\na")),
        ('"""', Message('"""')),
        ('""""""', Message("")),
        ("a\n/undo", Message("a\n/undo")),
        ("/feed a\nb", CommandLine("feed", "a\nb")),
    ],
)
def test_lines_are_parsed(line, meaning):
    assert parse(line) == meaning


def test_a_block_is_one_line_where_it_starts():
    script = ["a", '"""', "b", "", "/undo", 'c"""', '"""d"""', "/undo"]
    assert [(line.number, line.text) for line in syntax.joined_blocks(script)] == [
        (1, "a"),
        (2, '"""\nb\n\n/undo\nc"""'),
        (7, '"""d"""'),
        (8, "/undo"),
    ]


def test_a_block_that_is_not_closed_names_its_first_line():
    with pytest.raises(syntax.UnclosedBlock) as caught:
        list(syntax.joined_blocks(["a", '"""b', "c"]))
    assert caught.value.number == 2
    assert caught.value.code == "unterminated_block"


@pytest.mark.parametrize(
    "text", ["a", "/undo", "//x", "/# no", "/1", "a\nb", "\na", '"""', '"""a"""', "", " ", "a\n", "/?"]
)
def test_any_text_can_be_sent_as_a_message(text):
    assert parse(syntax.as_message(text)) == Message(text)


@pytest.mark.parametrize("line", ["a", "/undo 2", '"""\na\nb\n"""', "a\nb", "/feed a\nb", "//x\ny", "/# c\nd"])
def test_a_line_typed_at_the_prompt_means_the_same_in_a_script(line):
    (script,) = (
        [parse(found.text) for found in syntax.joined_blocks(syntax.as_script(line).split("\n"))]
        if parse(line)
        else [None]
    )
    typed = parse(line)
    if isinstance(typed, CommandLine):
        assert syntax.read_arguments(plain_text, script.rest).text == syntax.read_arguments(plain_text, typed.rest).text
    else:
        assert script == typed


@pytest.mark.parametrize(
    ("rest", "text", "quoted"),
    [
        (" a ", " a ", False),
        ('"a\\nb"', "a\nb", True),
        ('"a" b', '"a" b', False),
        ('"a', '"a', False),
        ('"a" and "b"', '"a" and "b"', False),
        ('""', "", True),
        ('"@a"', "@a", True),
        ("@@home", "@home", False),
        ("@home now", "@home now", False),
        ("-o x", "-o x", False),
        ("-- -o x", "-o x", False),
        ("--", "", False),
        ("a\\n", "a\\n", False),
        ("{}", "{}", False),
    ],
)
def test_free_text_is_verbatim(rest, text, quoted):
    read = syntax.read_arguments(plain_text, rest)
    assert (read.text, read.quoted, read.options) == (text, quoted, {})


@pytest.mark.parametrize(
    ("rest", "text", "options"),
    [
        ("good day", "good day", {}),
        ("-m fr good  day ", "good  day ", {"-m": "fr"}),
        ("-m fr  two", " two", {"-m": "fr"}),
        ("--all -o a.txt good", "good", {"--all": True, "-o": "a.txt"}),
        ('-o "a b.txt" good', "good", {"-o": "a b.txt"}),
        ("-m fr -- -o x", "-o x", {"-m": "fr"}),
        ("good -o x day", "good -o x day", {}),
        ("good -o x", "good", {"-o": "x"}),
        ("good day -o", "good day -o", {}),
        ('"good" -o x day', '"good" -o x day', {}),
        ('"good\\tday" -o x --all', "good\tday", {"-o": "x", "--all": True}),
        ('"good" -z', '"good" -z', {}),
        ("-- good -o x", "good -o x", {}),
        ("-5 degrees", "-5 degrees", {}),
        ("- well", "- well", {}),
        ('-m fr "a\\tb"', "a\tb", {"-m": "fr"}),
        ("-o x", "", {"-o": "x"}),
    ],
)
def test_options_come_before_free_text_or_after_a_word_or_quotes(rest, text, options):
    read = syntax.read_arguments(text_with_options, rest)
    assert (read.text, read.options) == (text, options)


def test_after_a_file_options_may_follow(tmp_path):
    file = tmp_path / "a.en"
    file.write_text("one\ntwo\n")
    read = syntax.read_arguments(text_with_options, f"-m fr @{file} -o b.fr --all")
    assert (read.text, read.file, read.options) == ("one\ntwo\n", str(file), {"-m": "fr", "-o": "b.fr", "--all": True})
    with pytest.raises(UsageError, match="only options may follow"):
        syntax.read_arguments(text_with_options, f"@{file} -o b.fr and more")


def test_a_value_that_is_no_choice_is_refused():
    poem = command("poem", options=[Option("--unit", "UNIT", choices=("words", "lines"))])(lambda shell, read: iter(()))
    assert syntax.read_arguments(poem, "--unit words love").options == {"--unit": "words"}
    with pytest.raises(UsageError, match=r"^--unit must be words or lines, not 'line'$"):
        syntax.read_arguments(poem, "--unit line love")


def test_options_of_a_command_without_free_text_come_anywhere():
    assert syntax.read_arguments(words_with_options, "a.seq --step").words == ("a.seq",)
    read = syntax.read_arguments(words_with_options, "--step a.seq -o x")
    assert (read.words, read.options) == (("a.seq",), {"--step": True, "-o": "x"})
    assert syntax.read_arguments(words_with_options, "a -- --step").words == ("a", "--step")


@pytest.mark.parametrize(
    ("used", "rest", "message"),
    [
        (
            text_with_options,
            "--al good",
            r"/translate has no option --al; did you mean --all\?; after -- everything is text",
        ),
        (text_with_options, "-z good", "available: -o, -m, --all"),
        (text_with_options, "-o", "-o needs a value: -o FILE"),
        (
            text_with_options,
            "good day -o x",
            "^options come before the text, as in /translate -o FILE TEXT; after -- every",
        ),
        (
            text_with_options,
            '"a b" good -o "x y"',
            "^options come before the text, as in /translate -o FILE TEXT; after",
        ),
        (
            text_with_options,
            "good day --all",
            "^options come before the text, as in /translate --all TEXT; after -- every",
        ),
        (text_with_options, "good -o", "^-o needs a value: -o FILE"),
        (words_with_options, "a -o", "-o needs a value"),
        (words_with_options, "a --stop", r"did you mean --step\?"),
    ],
)
def test_invalid_options_are_reported(used, rest, message):
    with pytest.raises(UsageError, match=message):
        syntax.read_arguments(used, rest)


def test_a_file_is_read_without_its_byte_order_mark_and_carriage_returns(tmp_path):
    file = tmp_path / "my text"
    file.write_bytes("\ufeffé\r\na\r".encode())
    assert syntax.read_arguments(plain_text, f'@"{file}"').text == "é\na\r"


def test_stdin_can_be_read_if_it_is_not_the_script():
    read = syntax.read_arguments(plain_text, "@-", lambda: "from stdin")
    assert (read.text, read.file) == ("from stdin", "-")
    with pytest.raises(UsageError, match="@- reads stdin"):
        syntax.read_arguments(plain_text, "@-")


def test_unreadable_files_are_reported(tmp_path):
    (tmp_path / "latin").write_bytes("a\nb\né".encode("latin-1"))
    os.mkfifo(tmp_path / "pipe")
    wrong = {
        "none": "cannot read .*No such file",
        "latin": "is not UTF-8 in line 3",
        "pipe": "is not a regular file",
        ".": "is a folder",
    }
    for name, message in wrong.items():
        with pytest.raises(UsageError, match=message):
            syntax.read_arguments(plain_text, f"@{tmp_path / name}")
    with pytest.raises(UsageError, match="is not a regular file"):
        syntax.read_arguments(plain_text, "@/dev/zero")
