"""An importer of min-char-rnn models for seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_importers():
    """Offer json_rnn. numpy is imported when a file is read."""
    yield seqshell.Lazy("json_rnn", "seqshell_json_rnn.reading:read")
