"""The XTC sampler, offered to seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_samplers():
    """xtc; numpy is imported when it is first used."""
    yield seqshell.Lazy("xtc", "seqshell_xtc.sampler:Xtc")
