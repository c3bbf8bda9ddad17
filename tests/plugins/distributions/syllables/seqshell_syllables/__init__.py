"""A tokenizer with a token for each syllable, offered to seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_tokenizers():
    """syllables: `[tokenizer] name = "syllables"` in a recipe."""
    yield seqshell.Lazy("syllables", "seqshell_syllables.tokenizer:Syllables")
