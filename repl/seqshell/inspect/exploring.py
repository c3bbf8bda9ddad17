"""A place in the tree of the texts of a session, to look from and to choose at. Looking moves nothing."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell.core.errors import UsageError
from seqshell.core.events import Alternatives, Choice
from seqshell.inspect.alternatives import alternatives, chosen
from seqshell.session import Session, inspection
from seqshell.session.forks import fork
from seqshell.session.mark import Mark

NUM_CHOICES = 9  # that digits choose
TOKENS_BEFORE, TOKENS_AFTER = 1500, 500  # of the text that is shown


@dataclass(frozen=True)
class View:
    """The text around a place: before it, the token that was taken there, and after that."""

    before: str
    taken: str
    after: str


class Explorer:
    """Looks at one position of the current branch, with one of its next tokens selected.

    position, selected: where, and which of the choices. message: what the last step had to say.
    """

    def __init__(self, session: Session) -> None:
        session.behaviour.require_next_token()
        self.session = session
        self.position, self.selected = session.position, 0
        self.message = ""
        self._marks: list[tuple[Mark, int]] = []
        self._shown: tuple[int, int, Alternatives] | None = None
        self._select_taken()

    @property
    def shown(self) -> Alternatives:
        """What there is to choose from here."""
        place = self.session.here.node, self.position
        if self._shown is None or self._shown[:2] != place:
            self._shown = (*place, alternatives(self.session, self.position, NUM_CHOICES))
        return self._shown[2]

    @property
    def choice(self) -> Choice:
        """The token that is selected."""
        return self.shown.choices[self.selected]

    @property
    def view(self) -> View:
        """The text around this place."""
        cursor, here = self.session.behaviour.cursor, self.session.here.node
        first = max(0, self.position - TOKENS_BEFORE)
        last = cursor.timeline.ancestor(here, min(self.session.position, self.position + TOKENS_AFTER))
        texts = inspection.texts_of(cursor, cursor.timeline.ids_to(last, first))
        given = cursor.timeline.given(here) if not first else None
        at = self.position - first
        before = (given.text if given else "") + "".join(texts[:at])
        return View(before, "".join(texts[at : at + 1]), "".join(texts[at + 1 :]))

    def branches_with(self) -> dict[int, str]:
        """By token: the name of another branch that read it here."""
        navigator, timeline = self.session.behaviour.navigator, self.session.behaviour.cursor.timeline
        node = timeline.ancestor(navigator.node(), self.position)
        found: dict[int, str] = {}
        for branch in navigator.branches:
            if branch.name == self.session.branch or timeline.depth(branch.node) <= self.position:
                continue
            if timeline.ancestor(branch.node, self.position) == node:
                token = timeline.ids[timeline.ancestor(branch.node, self.position + 1)]
                found.setdefault(token, branch.name)
        return found

    # Looking

    def move(self, tokens: int) -> None:
        """Look a number of tokens further on, or back if it is negative, as far as there are any."""
        self.message = ""
        self.position = max(0, min(self.session.position, self.position + tokens))
        self._select_taken()

    def select(self, step: int) -> None:
        """Select the next choice, or with -1 the one before."""
        self.message = ""
        self.selected = max(0, min(len(self.shown.choices) - 1, self.selected + step))

    def enter(self) -> None:
        """Look behind the token that is selected, if it was taken here or on another branch."""
        choice, other = self.choice, self.branches_with().get(self.choice.id)
        if choice.taken:
            self.move(1)
        elif other is not None:
            self._go_to(other)
        else:
            self.message = f"nobody took {choice.text!r} here; Space starts a branch with it"

    # Choosing

    def take(self, rank: int) -> None:
        """Take the token of a rank: on this branch at its end, else on a new one, or go to the branch that took it."""
        index = next((index for index, each in enumerate(self.shown.choices) if each.rank == rank), None)
        if index is None:
            self.message = f"there is no choice {rank}"
            return
        self.selected = index
        if self.choice.taken or self.choice.id in self.branches_with():
            self.enter()
        else:
            self._read(on_new_branch=self.position < self.session.position)

    def fork(self) -> None:
        """Start a branch here, with the token that is selected unless it was taken here already."""
        if self.choice.id in self.branches_with():
            self.enter()
        else:
            self._read(on_new_branch=True)

    def undo(self) -> None:
        """Take back the last choice."""
        self.message = "" if self._marks else "nothing to undo here"
        if self._marks:
            mark, self.position = self._marks.pop()
            self.session.return_to(mark)
            self._select_taken()

    # Inside

    def _read(self, *, on_new_branch: bool) -> None:
        session, navigator, place = self.session, self.session.behaviour.navigator, (self.session.mark(), self.position)
        try:
            ids = [] if self.choice.taken else [chosen(session, self.position, self.choice.rank)]
            if on_new_branch:
                fork(navigator, self.position, ids)
            else:
                navigator.feed_whole(ids)
        except UsageError as error:
            self.message = error.message
            return
        self._marks.append(place)
        self.move(len(ids))
        self.message = f"branch {session.branch}" if on_new_branch else ""

    def _go_to(self, branch: str) -> None:
        self._marks.append((self.session.mark(), self.position))
        self.session.checkout(branch)
        self.move(1)
        self.message = f"branch {branch}"

    def _select_taken(self) -> None:
        self.selected = next((index for index, each in enumerate(self.shown.choices) if each.taken), 0)
