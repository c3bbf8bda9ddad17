"""The DRY sampler, offered to seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_samplers():
    """dry; numpy is imported when it is first used."""
    yield seqshell.Lazy("dry", "seqshell_dry.sampler:Dry")
