"""The version of seqshell, in one place. It equals the version in pyproject.toml."""

__version__ = "0.1.0"
