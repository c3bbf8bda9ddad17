"""The results of a line as one text."""

from __future__ import annotations

from seqshell.core.events.answers import Finished, Token
from seqshell.core.events.base import Event
from seqshell.core.events.line import HookOutput


class ResultText:
    """Collects the results among the events of a line. Tokens are included unless a Finished repeats them; what hooks
    show is no result.

    for_json: collects the texts of the JSON result.
    """

    def __init__(self, *, for_json: bool = False) -> None:
        self._for_json = for_json
        self._results: list[str] = []
        self._tokens: list[str] = []

    def add(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, HookOutput):
            return
        if isinstance(event, Token):
            self._tokens.append(event.text)
        elif (text := event.json_text() if self._for_json else event.as_text()) is not None:
            if not isinstance(event, Finished):
                self._results += self._pending()
            self._tokens = []
            self._results.append(text)

    def forget_tokens(self) -> None:
        """Drop the tokens since the last result, because they are in a result elsewhere."""
        self._tokens = []

    @property
    def text(self) -> str | None:
        """The results so far, each starting a new line; None if there was none."""
        found = [*self._results, *self._pending()]
        return "\n".join(found) if found else None

    def _pending(self) -> list[str]:
        return ["".join(self._tokens)] if self._tokens else []
