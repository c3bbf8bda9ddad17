"""A log of turns for seqshell. It is kept in the notes of the session, so it follows undo, branches and saving."""

from dataclasses import dataclass

import seqshell

NAME = "turnlog"


@dataclass(frozen=True)
class Settings:
    """What is kept of a conversation."""

    limit: int = seqshell.setting(100, low=1, high=1000, help="the number of turns that are kept")
    answers: bool = seqshell.setting(True, help="keep the answers, not only your lines")


@seqshell.hookimpl
def seqshell_settings():
    """Declare the settings turnlog.limit and turnlog.answers."""
    return Settings


@seqshell.hookimpl
def seqshell_commands():
    """Offer /log. It is imported when it is first used."""
    yield seqshell.Lazy("log", "seqshell_turnlog.command:log")


@seqshell.hookimpl
def seqshell_turn(session, line, events, settings):
    """Note the line, and the answer, label or number of forecast steps."""
    for event in events:
        if isinstance(event, seqshell.Finished | seqshell.Label | seqshell.Forecast):
            answer = f"{len(event.values)} steps" if isinstance(event, seqshell.Forecast) else event.answer
            turn = [line, answer if settings.answers else ""]
            session.notes[NAME] = [*session.notes.get(NAME, []), turn][-settings.limit :]


@seqshell.hookimpl
def seqshell_moved(session):
    """Say how many turns there are after a move."""
    return seqshell.Notice(f"turns in the log: {len(session.notes.get(NAME, []))}")


@seqshell.hookimpl
def seqshell_toolbar(session):
    """Show the number of turns."""
    return f"turns: {len(session.notes.get(NAME, []))}"
