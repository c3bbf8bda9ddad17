"""The DRY sampler for seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_samplers():
    """Offer dry. numpy is imported when it is first used."""
    yield seqshell.Lazy("dry", "seqshell_dry.sampler:Dry")
