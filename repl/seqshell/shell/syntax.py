"""The syntax of lines: the same at the prompt, in a file, on stdin and in -c.

ROMEO:              a message, verbatim; so is //text, which sends /text
/undo 2             a command and its arguments
/# why              a comment
\"\"\"                 starts a block, which a line with the same ending closes: one message of several lines
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from seqshell.core.errors import UsageError
from seqshell.core.json_values import unquoted
from seqshell.core.names import did_you_mean, nearest
from seqshell.core.plugin_api import Arguments, Command, Option, one_of
from seqshell.core.text_files import read_file
from seqshell.core.text_output import quoted

QUOTES = '"""'
LONGEST = 500  # characters at the end of a text in which an option is looked for
_OPTION = re.compile(r"-[A-Za-z]|--[A-Za-z][A-Za-z0-9-]*")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"(?=\s|$)|\S+')
_ALONE = re.compile(r'("(?:[^"\\]|\\.)*"|\S+)\s+', re.DOTALL)
_FILE = re.compile(r'@(?!@)("(?:[^"\\]|\\.)*"|\S+)(?:\s+|$)')


@dataclass(frozen=True)
class Message:
    """A message to the model."""

    text: str


@dataclass(frozen=True)
class CommandLine:
    """A command's name without the slash, and the text after it without the first space."""

    name: str
    rest: str


@dataclass(frozen=True)
class Numbered:
    """A line of a script; a block is one line. number: its first line, from 1."""

    number: int
    text: str


class UnclosedBlock(UsageError):
    """The script ended inside a block that starts in the line `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the block is not closed; end its last line with {QUOTES}", code="unterminated_block")
        self.number = number


def parse(line: str) -> Message | CommandLine | None:
    """Parse a line; None for a comment. A block is one line that contains newlines."""
    if opens_block(line):
        return Message(_unwrapped(line)) if closes_block(line) else Message(line)
    if line.startswith("//"):
        return Message(line[1:])
    if line.startswith("/#"):
        return None
    if line.startswith("/") and (line[1:2].isalpha() or line[1:2] == "?"):
        name = line[1:].split(maxsplit=1)[0]
        return CommandLine(name, line[len(name) + 2 :])
    return Message(line)


def opens_block(line: str) -> bool:
    """Whether a line opens a block; the same line may close it."""
    return line.startswith(QUOTES)


def closes_block(block: str) -> bool:
    """Whether the last line of a block, given as one text, closes it."""
    return len(block) >= 2 * len(QUOTES) and block.endswith(QUOTES)


def _unwrapped(block: str) -> str:
    """The text between the quotes, without a first or last line that holds only quotes."""
    return block[len(QUOTES) : -len(QUOTES)].removeprefix("\n").removesuffix("\n")


def joined_blocks(physical: Iterable[str]) -> Iterator[Numbered]:
    """Join the lines of each block. The lines have no line ends. Raises UnclosedBlock if they end inside a block."""
    block: list[str] = []
    start = 0
    for number, line in enumerate(physical, 1):
        if not block and not opens_block(line):
            yield Numbered(number, line)
            continue
        start = start if block else number
        block.append(line)
        whole = "\n".join(block)
        if line.endswith(QUOTES) and closes_block(whole):
            yield Numbered(start, whole)
            block = []
    if block:
        raise UnclosedBlock(start)


def pasted_lines(text: str, commands: Container[str]) -> tuple[str, ...]:
    """Return the lines to send for a pasted text: those of a script, if one is a command or a comment, else the text.

    commands: the names that are commands; /usr/bin is text. Blank lines of a script are skipped.
    """
    try:
        lines = tuple(line.text for line in joined_blocks(text.split("\n")) if line.text)
    except UnclosedBlock:
        return (text,)
    parsed = map(parse, lines)
    return lines if any(p is None or (isinstance(p, CommandLine) and p.name in commands) for p in parsed) else (text,)


def as_message(text: str) -> str:
    """The line that sends `text` as a message, whatever it starts with."""
    if "\n" in text or text.startswith(QUOTES):
        return f"{QUOTES}\n{text}\n{QUOTES}"
    return "/" + text if isinstance(parse(text), CommandLine) or text.startswith(("//", "/#")) else text


def as_script(line: str) -> str:
    """The line in a script: several lines typed at the prompt become a block, or a command with a JSON string."""
    parsed = parse(line)
    if "\n" not in line or (opens_block(line) and closes_block(line)):
        return line
    if isinstance(parsed, CommandLine):
        return f"/{parsed.name} {json.dumps(parsed.rest, ensure_ascii=False)}"
    return as_message(parsed.text) if parsed else line.replace("\n", "\n/# ")


def read_arguments(command: Command, rest: str, read_stdin: Callable[[], str] | None = None) -> Arguments:
    """Parse the arguments of a command: read options and @FILE, and unquote a JSON string.

    Options come before free text, or after an @FILE, a JSON string or a word that is the whole text; in other commands
    they may come anywhere. Raises UsageError for unknown options, options at the end of other texts, and unreadable
    files. read_stdin: reads @-, if it is allowed.
    """
    declared = {option.flag: option for option in command.options}
    options: dict[str, str | bool] = {}
    if not command.free_text:
        words, ended, all_words = [], False, iter(_WORD.findall(rest))
        for word in all_words:
            if word == "--" and not ended:
                ended = True
            elif not ended and _take_option(command, declared, word, all_words, options):
                pass
            else:
                words.append(word)
        return Arguments(" ".join(words) if options or ended else rest, options)
    text, ended = _without_options(command, declared, rest, options)
    if not ended and not text.startswith("@"):
        text = _before_options(command, declared, text, options)
    if (quoted := unquoted(text)) is not None:
        return Arguments(quoted, options, quoted=True)
    if text.startswith("@@"):
        return Arguments(text[1:], options)
    hint = "for a text that starts with @, write @@"
    if text.strip() == "@":
        raise UsageError("@ needs the name of a file: @FILE", hint=hint)
    if found := _FILE.match(text):
        after = text[found.end() :]
        if not after or _OPTION.fullmatch(after.split(None, 1)[0]):
            words_after = iter(_WORD.findall(after))
            for word in words_after:
                if not _take_option(command, declared, word, words_after, options):
                    raise UsageError(
                        f"unexpected {word[:40]!r} after @{found[1]}; only options may follow (@@ starts a text with @)"
                    )
            name = unquoted(found[1]) or found[1]
            return Arguments(read_file(name, read_stdin, hint=hint), options, file=name)
    if declared and not ended:
        _refuse_options_at_end(command, declared, text)
    return Arguments(text, options)


def _take_option(
    command: Command, declared: dict[str, Option], word: str, following: Iterator[str], options: dict[str, str | bool]
) -> bool:
    """Put an option and its value into `options`. Returns False if the word is not an option."""
    if word not in declared:
        if declared and _OPTION.fullmatch(word):
            raise _unknown_option(command, declared, word)
        return False
    if not declared[word].takes:
        options[word] = True
        return True
    value = next(following, None)
    if value is None:
        raise UsageError(f"{word} needs a value: {word} {declared[word].takes}")
    options[word] = chosen = unquoted(value) or value
    if (choices := declared[word].choices) and chosen not in choices:
        raise UsageError(f"{word} must be {one_of(choices)}, not {quoted(chosen)}")
    return True


def _without_options(
    command: Command, declared: dict[str, Option], rest: str, options: dict[str, str | bool]
) -> tuple[str, bool]:
    """The text after the options at its beginning, and whether -- ended them."""
    while True:
        word, _, after = rest.partition(" ")
        if word == "--":
            return after, True
        value = _WORD.match(after)
        if not _take_option(command, declared, word, iter([value[0]] if value else []), options):
            return rest, False
        rest = after[value.end() + 1 :] if value and declared[word].takes else after


def _before_options(command: Command, declared: dict[str, Option], text: str, options: dict[str, str | bool]) -> str:
    """The JSON string or the word before options, which are put into `options`; any other text as it is."""
    alone = _ALONE.match(text)
    words = _WORD.findall(text[alone.end() :]) if alone else []
    if not (alone and words and words[0] in declared):
        return text
    found: dict[str, str | bool] = {}
    following = iter(words)
    for word in following:
        if word not in declared:
            return text
        _take_option(command, declared, word, following, found)
    options |= found
    return alone[1]


def _refuse_options_at_end(command: Command, declared: dict[str, Option], text: str) -> None:
    """Raise UsageError for a text that ends in an option: it would be read as text."""
    *_, before, last = "", "", *_WORD.findall(text[-LONGEST:])
    for word, has_value in ((before, True), (last, False)):
        if word in declared and bool(declared[word].takes) == has_value:
            usage = f"/{command.name} {f'{word} {declared[word].takes}'.rstrip()} TEXT"
            raise UsageError(f"options come before the text, as in {usage}; after -- everything is text")


def _unknown_option(command: Command, declared: dict[str, Option], word: str) -> UsageError:
    meant = did_you_mean(word, declared, f"available: {', '.join(declared)}")
    after = "; after -- everything is text" if command.free_text else ""
    return UsageError(
        f"/{command.name} has no option {word}; {meant}{after}", hint=nearest(word, declared), code="unknown_option"
    )
