"""What happens while a line is executed: frozen events that render their own JSON and plain text.

A module is imported when one of its events is first used: there are many, and a start needs few.
"""

from __future__ import annotations

_HOMES = {
    "against": "Against",
    "answers": "Answer Candidate Finished Label Token Translation",
    "base": "Event Notice Progress TrainingStep",
    "beams": "BeamLine BeamNode Beams",
    "choices": "Alternatives Choice NextWords Pick Picked Word",
    "coloured_text": "ColouredText",
    "display": "Data Picture Table Tables Text",
    "dynamics": "Spectrum",
    "forecast": "Forecast",
    "gates": "Gates",
    "inspection": "Attention Likely Score Scored Top",
    "interventions": "ActiveInterventions Sweep",
    "lags": "GradientLags LagNorms",
    "line": "ByHand HookOutput LineFinished LineStarted Quit Steps",
    "loss_curves": "LossCurve LossCurves",
    "probes": "Probes",
    "reach": "Reach",
    "result_text": "ResultText",
    "scores": "PairScores Scores",
    "session": "Branch Branches ModelOpened Moved PresetLoaded SettingChanged",
    "states": "StateDifference",
    "tags": "TaggedWord Tags",
    "token_tree": "TokenTree TreeLine TreeNode",
    "traces": "TracedText TracedToken",
    "units": "UnitRanking",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

TYPE_CHECKING = False
if TYPE_CHECKING:  # "as" tells type checkers that they are names of this module, too
    from typing import Any

    from seqshell.core.events.against import Against as Against
    from seqshell.core.events.answers import Answer as Answer
    from seqshell.core.events.answers import Candidate as Candidate
    from seqshell.core.events.answers import Finished as Finished
    from seqshell.core.events.answers import Label as Label
    from seqshell.core.events.answers import Token as Token
    from seqshell.core.events.answers import Translation as Translation
    from seqshell.core.events.base import Event as Event
    from seqshell.core.events.base import Notice as Notice
    from seqshell.core.events.base import Progress as Progress
    from seqshell.core.events.base import TrainingStep as TrainingStep
    from seqshell.core.events.beams import BeamLine as BeamLine
    from seqshell.core.events.beams import BeamNode as BeamNode
    from seqshell.core.events.beams import Beams as Beams
    from seqshell.core.events.choices import Alternatives as Alternatives
    from seqshell.core.events.choices import Choice as Choice
    from seqshell.core.events.choices import NextWords as NextWords
    from seqshell.core.events.choices import Pick as Pick
    from seqshell.core.events.choices import Picked as Picked
    from seqshell.core.events.choices import Word as Word
    from seqshell.core.events.coloured_text import ColouredText as ColouredText
    from seqshell.core.events.display import Data as Data
    from seqshell.core.events.display import Picture as Picture
    from seqshell.core.events.display import Table as Table
    from seqshell.core.events.display import Tables as Tables
    from seqshell.core.events.display import Text as Text
    from seqshell.core.events.dynamics import Spectrum as Spectrum
    from seqshell.core.events.forecast import Forecast as Forecast
    from seqshell.core.events.gates import Gates as Gates
    from seqshell.core.events.inspection import Attention as Attention
    from seqshell.core.events.inspection import Likely as Likely
    from seqshell.core.events.inspection import Score as Score
    from seqshell.core.events.inspection import Scored as Scored
    from seqshell.core.events.inspection import Top as Top
    from seqshell.core.events.interventions import ActiveInterventions as ActiveInterventions
    from seqshell.core.events.interventions import Sweep as Sweep
    from seqshell.core.events.lags import GradientLags as GradientLags
    from seqshell.core.events.lags import LagNorms as LagNorms
    from seqshell.core.events.line import ByHand as ByHand
    from seqshell.core.events.line import HookOutput as HookOutput
    from seqshell.core.events.line import LineFinished as LineFinished
    from seqshell.core.events.line import LineStarted as LineStarted
    from seqshell.core.events.line import Quit as Quit
    from seqshell.core.events.line import Steps as Steps
    from seqshell.core.events.loss_curves import LossCurve as LossCurve
    from seqshell.core.events.loss_curves import LossCurves as LossCurves
    from seqshell.core.events.probes import Probes as Probes
    from seqshell.core.events.reach import Reach as Reach
    from seqshell.core.events.result_text import ResultText as ResultText
    from seqshell.core.events.scores import PairScores as PairScores
    from seqshell.core.events.scores import Scores as Scores
    from seqshell.core.events.session import Branch as Branch
    from seqshell.core.events.session import Branches as Branches
    from seqshell.core.events.session import ModelOpened as ModelOpened
    from seqshell.core.events.session import Moved as Moved
    from seqshell.core.events.session import PresetLoaded as PresetLoaded
    from seqshell.core.events.session import SettingChanged as SettingChanged
    from seqshell.core.events.states import StateDifference as StateDifference
    from seqshell.core.events.tags import TaggedWord as TaggedWord
    from seqshell.core.events.tags import Tags as Tags
    from seqshell.core.events.token_tree import TokenTree as TokenTree
    from seqshell.core.events.token_tree import TreeLine as TreeLine
    from seqshell.core.events.token_tree import TreeNode as TreeNode
    from seqshell.core.events.traces import TracedText as TracedText
    from seqshell.core.events.traces import TracedToken as TracedToken
    from seqshell.core.events.units import UnitRanking as UnitRanking


def __getattr__(name: str) -> Any:
    """Import an event's module when the event is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    """The names of all events, and of what they consist of."""
    return sorted(_HOME)
