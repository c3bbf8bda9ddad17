"""Damage to text files: random changes of their lines and cells."""

from __future__ import annotations

import random

from tests.campaigns.damage import HOSTILE


def damage_lines(draws: random.Random, text: bytes) -> tuple[bytes, str]:
    """Change the lines and cells of a text file. Returns the new file, and what was done."""
    lines = text.split(b"\n")
    place = draws.randrange(len(lines))
    kind = draws.choice(("cell", "cell", "drop", "repeat", "swap", "blank", "long", "separators", "ends", "encoding"))
    if kind == "cell":
        separator = next((each for each in (b"\t", b",", b" ") if each in lines[place]), b",")
        cells = lines[place].split(separator)
        value = str(draws.choice((*HOSTILE, "1e999", "-", "1,5", "2020-13-45", '"', "NA", "9" * 400)))
        cells[draws.randrange(len(cells))] = value.encode("utf-8", "surrogatepass")
        lines[place] = separator.join(cells)
    elif kind == "drop":
        del lines[place : place + draws.choice((1, 2, 1000))]
    elif kind == "repeat":
        lines[place:place] = [lines[place]] * draws.choice((1, 3, 300))
    elif kind == "swap":
        other = draws.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == "blank":
        lines[place] = draws.choice((b"", b" ", b"\t", b",,,,", b"#", b"\xef\xbb\xbf", b"\x0c", b"\r"))
    elif kind == "long":
        lines[place] = lines[place] * 300
    elif kind == "separators":
        old, new = draws.choice((b"\t", b",", b" ")), draws.choice((b"\t", b",", b";", b"|", b" ", b""))
        lines = [line.replace(old, new) for line in lines]
    elif kind == "ends":
        return draws.choice((b"\r", b"\r\n", b"\n\n", b"\x85")).join(lines), "other line ends"
    else:
        name = draws.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig", "utf-7"))
        return text.decode("utf-8", "replace").encode(name, "replace"), f"as {name}"
    return b"\n".join(lines), f"{kind} line {place}"
