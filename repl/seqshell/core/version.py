"""The version of seqshell. The build takes it from the last tag in git, and writes `installed_version`."""

try:
    from seqshell.core.installed_version import __version__ as __version__
except ImportError:  # the code was never installed
    __version__ = "0.1.dev0"
