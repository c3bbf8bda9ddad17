"""The XTC sampler for seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_samplers():
    """Offer xtc. numpy is imported when it is first used."""
    yield seqshell.Lazy("xtc", "seqshell_xtc.sampler:Xtc")
