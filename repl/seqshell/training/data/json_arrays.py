"""Large arrays in JSON: their items are read one by one, as if each were on a line of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from seqshell.core.errors import RecipeError

LONGEST = 1 << 26  # characters of an item
_SPACE = re.compile(r"[ \t\n\r]*")


def is_array(beginning: str) -> bool:
    """True if a JSON text that begins so is an array."""
    return beginning.lstrip().startswith("[")


def array_lines(name: str, blocks: Iterable[str]) -> Iterator[str]:
    """The items of an array, each on one line. blocks: of the text. Raises RecipeError, with the row, for no JSON."""
    decoder, left = json.JSONDecoder(), iter(blocks)
    text, place, number, expects_item = "", 0, 0, True
    for block in left:
        text = (text + block).lstrip()
        if text:
            break
    text = text[1:]  # without the bracket
    while True:
        place = _end_of_space(text, place)
        mark = text[place : place + 1]
        if not mark:
            if not (block := next(left, "")):
                raise RecipeError(f"{name}, row {number + 1}: not JSON: the array does not end")
            text, place = block, 0
        elif mark == "]" and not (expects_item and number):
            break
        elif not expects_item:
            if mark != ",":
                raise RecipeError(f"{name}, row {number + 1}: not JSON: a comma or a bracket is missing before it")
            place, expects_item = place + 1, True
        else:
            try:
                end = decoder.raw_decode(text, place)[1]
            except (ValueError, RecursionError) as error:  # perhaps the item does not end in this block
                if len(text) - place < LONGEST and (block := next(left, "")):
                    text, place = text[place:] + block, 0
                    continue
                reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
                raise RecipeError(f"{name}, row {number + 1}: not JSON: {reason}") from None
            number += 1
            yield text[place:end].replace("\n", " ") + "\n"
            place, expects_item = end, False
    if text[place + 1 :].strip() or any(block.strip() for block in left):
        raise RecipeError(f"{name}: not JSON: there is more behind the array")


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
