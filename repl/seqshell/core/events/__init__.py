"""What happens while a line is executed: frozen events that render their own JSON and plain text."""

from seqshell.core.events.against import Against
from seqshell.core.events.answers import Answer, Candidate, Finished, Label, Token, Translation
from seqshell.core.events.base import Event, Notice, Progress
from seqshell.core.events.beams import BeamLine, BeamNode, Beams
from seqshell.core.events.choices import Alternatives, Choice, NextWords, Pick, Picked, Word
from seqshell.core.events.coloured_text import ColouredText
from seqshell.core.events.display import Data, Picture, Table, Tables, Text
from seqshell.core.events.dynamics import Spectrum
from seqshell.core.events.forecast import Forecast
from seqshell.core.events.gates import Gates
from seqshell.core.events.inspection import Attention, Likely, Score, Scored, Top
from seqshell.core.events.interventions import ActiveInterventions, Sweep
from seqshell.core.events.lags import GradientLags, LagNorms
from seqshell.core.events.line import ByHand, HookOutput, LineFinished, LineStarted, Quit, Steps
from seqshell.core.events.probes import Probes
from seqshell.core.events.reach import Reach
from seqshell.core.events.result_text import ResultText
from seqshell.core.events.scores import PairScores, Scores
from seqshell.core.events.session import Branch, Branches, ModelOpened, Moved, SettingChanged
from seqshell.core.events.states import StateDifference
from seqshell.core.events.token_tree import TokenTree, TreeLine, TreeNode
from seqshell.core.events.traces import TracedText, TracedToken
from seqshell.core.events.units import UnitRanking

__all__ = [
    "ActiveInterventions",
    "Against",
    "Alternatives",
    "Answer",
    "Attention",
    "BeamLine",
    "BeamNode",
    "Beams",
    "Branch",
    "Branches",
    "ByHand",
    "Candidate",
    "Choice",
    "ColouredText",
    "Data",
    "Event",
    "Finished",
    "Forecast",
    "Gates",
    "GradientLags",
    "HookOutput",
    "Label",
    "LagNorms",
    "Likely",
    "LineFinished",
    "LineStarted",
    "ModelOpened",
    "Moved",
    "NextWords",
    "Notice",
    "PairScores",
    "Pick",
    "Picked",
    "Picture",
    "Probes",
    "Progress",
    "Quit",
    "Reach",
    "ResultText",
    "Score",
    "Scored",
    "Scores",
    "SettingChanged",
    "Spectrum",
    "StateDifference",
    "Steps",
    "Sweep",
    "Table",
    "Tables",
    "Text",
    "Token",
    "TokenTree",
    "Top",
    "TracedText",
    "TracedToken",
    "Translation",
    "TreeLine",
    "TreeNode",
    "UnitRanking",
    "Word",
]
