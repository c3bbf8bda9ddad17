"""The colour model of all pictures, which is in `core/colours.py`."""

from seqshell.core.colours import DARK, LIGHT, UNKNOWN, Scheme, ink, nearest_of_256, readable_on, share_of

__all__ = ["DARK", "LIGHT", "UNKNOWN", "Scheme", "ink", "nearest_of_256", "readable_on", "share_of"]
