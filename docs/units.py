"""Finds the units of `shakespeare` that follow quotation marks, the position in the line and upper case.

    python docs/units.py INPUT.TXT

Prints the best unit for each with its AUC, and what chance gives; draws docs/inspect/units.svg. INPUT.TXT is the tiny
Shakespeare corpus (its address is in checkpoints/recipes/shakespeare.toml). Of it, the last tenth is read, which the
model was not trained on; then, because it has few quotations, the surroundings of all quotations in the corpus.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import seqshell
from seqshell.core.events import ColouredText
from seqshell.core.pictures import svg
from seqshell.core.pictures.page import Heading, Page
from seqshell.inspect import patterns, text_features
from seqshell.inspect.ranking import Ranking
from seqshell.inspect.token_spans import TokenSpans, token_spans
from seqshell.inspect.unit_texts import AllUnits

PICTURE = Path(__file__).with_name("inspect") / "units.svg"
# Quotations of a line or more, without the mark at the end, where a unit may know it: from a capital letter, but not
# 'Tis, to a punctuation mark.
QUOTED = (
    r"(?<![A-Za-z])('(?!Tis|Twas|Twere|Twill|Twould|Twixt|Fore|Faith|Gainst|Mongst|Zounds|Sblood|Swounds|Save)(?=[A-Z])"
    r"(?:[^'\n]|\n(?!\n)|'(?=[a-z]))*[.,!?;:])'(?![A-Za-z])"
)
QUOTATIONS, LINE_POSITION, UPPER_CASE = "quotation marks", "line position", "upper case"
SURROUNDINGS = 150  # characters
AROUND = 30, 100  # characters before a run inside, and after their beginning


def main(path: str) -> None:
    """Rank the units, print the results and draw the picture."""
    whole = Path(path).read_text(encoding="utf-8")
    held_out = whole[len(whole) * 9 // 10 :]
    held = ranked(held_out, "the last tenth of the text", (QUOTATIONS, LINE_POSITION, UPPER_CASE))
    quoted = ranked(around_quotations(whole), "the surroundings of all quotations", (QUOTATIONS,))
    blocks = *quoted, *held[len(quoted) :]
    PICTURE.write_text(svg.document(Page(blocks, "Three units of shakespeare")), encoding="utf-8")


def ranked(text: str, name: str, wanted: tuple[str, ...]) -> list[Any]:
    """Read a text, print the best unit for each feature; returns a heading and a coloured passage of each."""
    session = seqshell.open("shakespeare")
    ids = session.model.tokenizer.encode(text)
    spans = token_spans(session.behaviour.cursor.token_text, ids)
    units, begun, blocks = AllUnits(session, ids, None), time.perf_counter(), []
    for _ in units.steps():
        pass
    print(f"{name}: {len(ids):,} characters, read in {time.perf_counter() - begun:.1f} s")
    for about in wanted:
        inside = labels_of(about, spans)
        ranking = Ranking(units.names, units.values, inside)
        for _ in ranking.steps():
            pass
        best, chance = ranking.best()[0], max(ranking.chance())
        side = "higher" if best.sign > 0 else "lower"
        measures = f"{best.unit} · AUC {best.auc:.4f}, by chance {chance:.4f} · {side} inside"
        print(f"  {about}: {measures} ({best.inside:.3f} against {best.outside:.3f}) · {int(inside.sum()):,} inside")
        values = units.values[units.names.index(best.unit)]
        blocks += [Heading(about, measures), *passage(text, values, inside, best.unit).as_page().blocks]
    return blocks


def labels_of(about: str, spans: TokenSpans) -> NDArray[np.bool_]:
    """Which tokens are inside a feature."""
    if about == LINE_POSITION:
        return text_features.labels("position", spans)[0]
    return spans.inside(patterns.matches(QUOTED if about == QUOTATIONS else "[A-Z]", spans.text))


def around_quotations(text: str) -> str:
    """The quotations of a text with what is around them, joined."""
    kept = np.zeros(len(text), bool)
    for start, end in patterns.matches(QUOTED, text):
        kept[max(0, start - SURROUNDINGS) : end + SURROUNDINGS] = True
    return "".join(np.array(list(text))[kept])


def passage(text: str, values: NDArray[np.floating], inside: NDArray[np.bool_], unit: str) -> ColouredText:
    """Some lines with a longest run inside, coloured by a unit; the scale is that of the whole text."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    start = text.rfind("\n", 0, max(0, int(edges[2 * longest]) - AROUND[0])) + 1
    end = text.find("\n", start + AROUND[1])
    low, high = np.quantile(values, [0.01, 0.99]).tolist()
    return ColouredText(tuple(text[start:end]), tuple(values[start:end].tolist()), low, high, unit=unit)


if __name__ == "__main__":
    main(*sys.argv[1:])
