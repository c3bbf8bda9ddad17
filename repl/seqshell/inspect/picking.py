"""Tokens chosen by hand at the end of the text: by their rank, or the one that the model would draw."""

from __future__ import annotations

from seqshell.core.errors import UsageError
from seqshell.core.events import Alternatives, Pick, Picked, Token
from seqshell.inspect.alternatives import alternatives, chosen
from seqshell.session import Session
from seqshell.session.mark import Mark

NUM_CHOICES = 9  # that digits choose
MODEL = 0  # the number of the model's own choice


class Picker:
    """Reads the tokens that a user chooses, in the current turn; each can be taken back.

    UsageError if the model predicts no next token.
    """

    def __init__(self, session: Session) -> None:
        session.behaviour.require_next_token()
        self.session = session
        self.picks: list[Pick] = []
        self.start = session.position
        self._marks: list[Mark] = []
        self._shown: Alternatives | None = None

    @property
    def shown(self) -> Alternatives:
        """What there is to choose from here."""
        if self._shown is None:
            self._shown = alternatives(self.session, self.session.position, NUM_CHOICES)
        return self._shown

    def take(self, number: int) -> None:
        """Read the token of a rank, from 1, or with MODEL the one that the model draws; an error changes nothing."""
        mark, position = self.session.mark(), self.session.position
        try:
            if number == MODEL:
                tokens = [event for event in self.session.generate(1) if isinstance(event, Token)]
                if not tokens:
                    raise UsageError("the model ends the text here; choose a token, or end", code="end")
                token = tokens[0].id
            else:
                token = chosen(self.session, position, number)
                self.session.behaviour.navigator.feed_whole([token])
        except BaseException:
            self.session.return_to(mark)
            raise
        found = alternatives(self.session, position, 1).taken
        assert found is not None
        self.picks.append(Pick(found.rank, found.id, found.text, found.log_prob, found.piece, number == MODEL))
        self._marks.append(mark)
        self._shown = None

    def undo(self) -> bool:
        """Take the last token back; returns False if none was taken."""
        if not self.picks:
            return False
        self.session.return_to(self._marks.pop())
        self.picks.pop()
        self._shown = None
        return True

    def picked(self) -> Picked:
        """What was chosen."""
        session = self.session
        text = session.behaviour.cursor.token_text.text(pick.id for pick in self.picks)
        return Picked(tuple(self.picks), text, self.start, session.position, session.branch, session.tail)


def pick(session: Session, numbers: list[int]) -> Picked:
    """Read the tokens of these ranks, one after the other. After an error nothing has changed."""
    picker, mark = Picker(session), session.mark()
    try:
        for number in numbers:
            picker.take(number)
    except BaseException:
        session.return_to(mark)
        raise
    return picker.picked()
