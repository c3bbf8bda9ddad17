"""Single units of the state: /neuron colours a text by one, /find-neuron ranks all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.plugin_api import Arguments, Option, command
from seqshell.core.text_output import brief, counted
from seqshell.shell import syntax
from seqshell.shell.commands.output_files import PICTURE_OPTION, TABLE_OPTION, to_file
from seqshell.shell.commands.pattern_words import pattern_and_file
from seqshell.shell.commands.slow_work import slowly
from seqshell.shell.commands.state_words import unit_words
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.session.given import StateRecord
    from seqshell.shell.shell import Shell

LEAST = 500  # tokens in which units are ranked
UNIT_AND_TEXT = re.compile(r"([^\s\[]+\[[^\]]*\]|\S+)\s*(.*)", re.DOTALL)


def neuron_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The units of the state, as the first argument."""
    words = text.split(" ")
    return dict(unit_words(shell.session, words[0])) if len(words) == 1 else {}


@command(
    "neuron",
    usage="[-o FILE] UNIT [TEXT|@FILE]",
    options=PICTURE_OPTION,
    complete=neuron_words,
    free_text=True,
    purpose="looking",
)
def neuron(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Colour a text by a unit of the state, by default the text of this branch; the state does not change.

    A UNIT is a number of the state, as /state shows them: cell[1,147]. A TEXT is read from the state here. Orange is
    below 0, blue above; without colours, digits below the text show the values. /set color neuron UNIT colours answers
    in the same way.

        >>> ROMEO:
        >>> /neuron hidden[1,147]
        >>> /neuron cell[0,3] "O Romeo, Romeo!"
    """
    from seqshell.inspect.tracing import branch_text
    from seqshell.inspect.unit_texts import UnitText
    from seqshell.inspect.unit_values import single_unit

    session = shell.session
    words = UNIT_AND_TEXT.fullmatch(arguments.text.strip())
    if words is None:
        raise UsageError(f"missing argument; usage: /neuron {neuron.usage}")
    unit = single_unit(words[1], session)
    given = syntax.read_arguments(neuron, words[2], shell.read_stdin)
    record: StateRecord | None = None
    if given.text or given.file:
        ids = session.behaviour.encode(given.text, shell.settings.get("unknown"))
    else:
        ids, record = branch_text(session)
    here = f"from {session.branch}@{session.position}"
    name = f"{given.file} {here}".lstrip() if record is None else session.branch
    found = UnitText(session, unit, ids, record, name)

    def work() -> Iterator[Event]:
        yield from slowly(shell, found.steps(), lambda: len(found.values), len(ids), "reading")
        yield found.coloured()
        yield from unknown_events(session.behaviour.unknown(given.text)) if given.text else ()

    yield from to_file(shell, Arguments(given.text, {**arguments.options, **given.options}), work)


@command(
    "find-neuron",
    usage="[-o FILE] [--feature NAME] [PATTERN] [@FILE]",
    options=(
        *(Option(flag.partition(" ")[0], flag.partition(" ")[2], about) for flag, about in TABLE_OPTION.items()),
        Option("--feature", "NAME", "look for a feature in place of a pattern", ("position", "line-start", "depth")),
    ),
    purpose="looking",
)
def find_neuron(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Rank the units of the state by how well they predict where a pattern matches; the state does not change.

    PATTERN is a regular expression of Python, verbatim. A token is inside if it has a character of a match, or of the
    first group: ("[^"]*)" leaves the closing mark out. The text is that of FILE, read from the state here, or of this
    branch. The AUC is the probability that a unit is larger inside than outside, or smaller, whichever is more: 1 tells
    all tokens, 0.5 none. Beside it is what chance gives: the best unit for the same labels moved along the text in a
    circle. A feature is position (the second half of the positions in a line), line-start (the first character of a
    line) or depth (inside brackets or quotation marks).

        >>> /continue 600
        >>> /find-neuron [A-Z]+:
        >>> /find-neuron --feature line-start
    """
    from seqshell.core.events.units import UnitRanking
    from seqshell.inspect import patterns, text_features, unit_texts
    from seqshell.inspect.ranking import Ranking
    from seqshell.inspect.token_spans import token_spans

    feature = str(arguments.options.get("--feature", ""))
    pattern, file, text = pattern_and_file(shell, arguments.text, replace(neuron, name="find-neuron"))
    if bool(pattern) == bool(feature):
        wrong = f"--feature {feature} takes no pattern" if pattern else "missing pattern"
        raise UsageError(f"{wrong}; usage: /find-neuron {find_neuron.usage}")
    session = shell.session
    ids, record = _ids_and_start(shell, file, text)
    most = unit_texts.most_tokens(session)
    left_out, ids = max(0, len(ids) - most), ids[:most]
    spans = token_spans(session.behaviour.cursor.token_text, ids)
    if feature:
        inside, about = text_features.labels(feature, spans)
    else:
        inside, about = spans.inside(patterns.matches(pattern, spans.text)), f"inside matches of '{brief(pattern)}'"
        if inside.all():
            raise UsageError(f"every token of the text is inside a match of {pattern!r:.80}", code="regex")

    def work() -> Iterator[Event]:
        units = unit_texts.AllUnits(session, ids, record)
        yield from slowly(shell, units.steps(), lambda: units.done, len(ids), "reading")
        ranking = Ranking(units.names, units.values, inside)
        yield from slowly(shell, ranking.steps(), lambda: ranking.done, len(units.names), "ranking", "unit")
        name = file or session.branch
        found = UnitRanking(about, name, len(ids), int(inside.sum()), ranking.best(), ranking.chance())
        yield found
        if shell.interactive and found.units:
            best = found.units[0].unit
            yield Notice(f"/set color neuron {best} colours answers by it · /clamp {best}=VALUE keeps it at a value")
        if left_out:
            yield Notice(f"the last {counted(left_out)} of {name} were left out")
        yield from unknown_events(session.behaviour.unknown(text)) if file else ()

    yield from to_file(shell, arguments, work)


def _ids_and_start(shell: Shell, file: str, text: str) -> tuple[list[int], StateRecord | None]:
    """The tokens in which units are ranked, and the state before them; None: that here."""
    from seqshell.inspect.tracing import branch_text

    session: Session = shell.session
    if file:
        ids, record = session.behaviour.encode(text, shell.settings.get("unknown")), None
    else:
        ids, record = branch_text(session) if session.position else ([], None)
    if len(ids) < LEAST:
        where = file or session.branch
        raise UsageError(
            f"{where} has {counted(len(ids))}, and units are ranked in {LEAST} or more",
            hint="" if file else "@FILE, after the pattern, reads a longer text",
        )
    return ids, record
