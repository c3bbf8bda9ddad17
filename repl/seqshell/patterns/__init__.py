"""Regular expressions by derivatives, and what each token of a vocabulary does in them. For constraints on answers."""

from seqshell.patterns.automaton import FAR, TokenAutomaton
from seqshell.patterns.expressions import containing, either, negated, parse, shortened

__all__ = ["FAR", "TokenAutomaton", "containing", "either", "negated", "parse", "shortened"]
