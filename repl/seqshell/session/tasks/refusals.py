"""What the behaviour of one task cannot do: messages that say what its model does instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn

from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Attention, Event, Forecast, Label, Score, Tags
from seqshell.core.model import Model
from seqshell.core.sampling import Strategy
from seqshell.session.answers import Answer

SettingValues = Mapping[str, Any]  # settings by name: max_tokens, stop, unknown, newline, nbest, horizon, ...


class Refusals:
    """Raises a UsageError for each method that only one task has; the behaviour of that task overrides it.

    does, advice: what a model of the task does and what the user can do, for messages such as "NAME does X and cannot
    Y; ADVICE".
    """

    does: ClassVar[str]
    advice: ClassVar[str]
    model: Model

    def refuse(self, action: str) -> NoReturn:
        """Raise the UsageError that says what the model does instead."""
        raise UsageError(f"{self.model.name} {self.does} and cannot {action}; {self.advice}")

    def _lacks(self, ability: str) -> NoReturn:
        raise UsageError(f"{self.model.name} does not {ability}; /models lists the models that do")

    @property
    def has_attention(self) -> bool:
        """See TranslateBehaviour."""
        return False

    def translate(self, text: str, max_tokens: int | None = None, **options: Any) -> Answer:
        """See TranslateBehaviour."""
        self._lacks("translate")

    def translate_lines(
        self, lines: Iterable[str], settings: SettingValues, prefix: str = "", strategy: Strategy | None = None
    ) -> Iterator[Event]:
        """See TranslateBehaviour."""
        self._lacks("translate")

    def score_translation(self, source: str, target: str, unknown: str = "error") -> Score:
        """See TranslateBehaviour."""
        self._lacks("translate")

    def attention(self) -> Attention:
        """See TranslateBehaviour."""
        self._lacks("translate")

    def classify(self, text: str, *, explain: bool = False, unknown: str = "error") -> Label:
        """See ClassifyBehaviour."""
        self._lacks("label texts")

    def classify_lines(self, lines: Iterable[str], settings: SettingValues, explain: bool = False) -> Iterator[Event]:
        """See ClassifyBehaviour."""
        self._lacks("label texts")

    def label(self, text: str | None = None, *, explain: bool = False) -> Label:
        """See ClassifyBehaviour."""
        self._lacks("label texts")

    def read_text(self, text: str, unknown: str = "error") -> tuple[list[int], tuple[int, int] | None]:
        """See ClassifyBehaviour."""
        self._lacks("label texts")

    def probabilities(self, outputs: NDArray[Any]) -> tuple[tuple[str, float], ...]:
        """See ClassifyBehaviour."""
        self._lacks("label texts")

    def tag(self, text: str) -> Tags:
        """See TagBehaviour."""
        self._lacks("tag words")

    def tag_lines(self, lines: Iterable[str], settings: SettingValues) -> Iterator[Event]:
        """See TagBehaviour."""
        self._lacks("tag words")

    def observe(self, values: Any) -> int:
        """See ForecastBehaviour."""
        self._lacks("forecast")

    def observe_file(self, name: str, read_stdin: Callable[[], str] | None = None, series: str = "") -> tuple[str, ...]:
        """See ForecastBehaviour."""
        self._lacks("forecast")

    def observe_example(self) -> int:
        """See ForecastBehaviour."""
        self._lacks("forecast")

    def forecast(self, steps: int | None = None) -> Forecast:
        """See ForecastBehaviour."""
        self._lacks("forecast")

    def check_steps(self, steps: int | None = None) -> int:
        """See ForecastBehaviour."""
        self._lacks("forecast")
