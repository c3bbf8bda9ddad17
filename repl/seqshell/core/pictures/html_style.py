"""The style of HTML pages: for dark and light pages, narrow and wide ones. All of it is inside `.seqshell`.

What is important there is what the styles of notebooks change in tables.
"""

from __future__ import annotations

from functools import cache

from seqshell.core.pictures.paints import paints

_LAYOUT = """
.seqshell{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page);color-scheme:light dark;
margin:0;padding:1rem;overflow-wrap:anywhere}
.seqshell main{max-width:60rem;margin:auto}
.seqshell h1{font-size:1.35rem;margin:.2rem 0}
.seqshell h2{font-size:1.1rem;margin:1.6rem 0 .4rem;border-top:1px solid var(--rule);padding-top:.6rem}
.seqshell small,.seqshell .note,.seqshell .about,.seqshell .legend{color:var(--dim);font-weight:normal}
.seqshell .about{margin:.1rem 0 1rem}
.seqshell .text,.seqshell pre,.seqshell .tree,.seqshell table{font-family:ui-monospace,Menlo,Consolas,
"DejaVu Sans Mono",monospace;font-size:.9rem}
.seqshell .text{white-space:pre-wrap;line-height:1.7}
.seqshell .text b{color:var(--mark)}
.seqshell .text .nl::before{content:"\\21B5"}
.seqshell .scroll{overflow-x:auto;max-width:100%;overflow-wrap:normal}
.seqshell pre{margin:.5rem 0}
.seqshell table{border-collapse:collapse;margin:.5rem 0;color:inherit;background:none;table-layout:auto!important}
.seqshell tr{background:none!important}
.seqshell caption{text-align:left;color:var(--dim);padding:.2rem 0;white-space:nowrap}
.seqshell th,.seqshell td{text-align:left!important;padding:.15rem .6rem .15rem 0;vertical-align:top;font-weight:normal;
white-space:pre;border:0}
.seqshell thead th{color:var(--dim);border-bottom:1px solid var(--rule)}
.seqshell td.number{text-align:right!important}
.seqshell .heat th,.seqshell .heat td{padding:.1rem .3rem}
.seqshell .heat thead th{border:0;vertical-align:bottom}
.seqshell .heat thead span{writing-mode:vertical-rl}
.seqshell .heat tbody th{text-align:right!important}
.seqshell .heat tbody td{min-width:1.2rem;height:1.4rem;border:1px solid var(--rule)}
.seqshell .bars{width:100%}
.seqshell .bars td:last-child{width:99%;min-width:8rem;padding-right:0}
.seqshell .bars i{display:block;height:.8rem;margin-top:.3rem;background:var(--bar)}
.seqshell .bars i.against{background:var(--against)}
.seqshell .tree{list-style:none;margin:.5rem 0;padding:0;white-space:pre;line-height:1.35}
.seqshell .tree .lines,.seqshell .tree .dim{color:var(--dim)}
.seqshell .tree .marked{font-weight:bold}
.seqshell .legend{font-size:.85rem}
.seqshell .scale{white-space:nowrap;border:1px solid var(--rule);display:inline-block;height:.8rem;
vertical-align:-.1rem}
.seqshell .scale span{display:inline-block;width:.35rem;height:.8rem}
.seqshell .plot{display:inline-block;max-width:100%;vertical-align:top}
.seqshell svg{max-width:100%;height:auto}
.seqshell .scroll svg{max-width:none}
@media print{.seqshell{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


@cache
def style() -> str:
    """The style sheet."""
    return f"{_colours(dark=False)}\n@media (prefers-color-scheme:dark){{\n{_colours(dark=True)}\n}}{_LAYOUT}"


def _colours(*, dark: bool) -> str:
    """Variables for what a page has once, and a rule for each step of a scale."""
    found = paints(dark=dark)
    once = "".join(f"--{name}:{colour};" for name, colour in found.items() if not name[-1].isdigit())
    steps = "\n".join(
        f".seqshell .{name}{{background:{colour};color:{found[f'on-{name}']}}}"
        for name, colour in found.items()
        if name[-1].isdigit() and not name.startswith("on-")
    )
    return f".seqshell{{{once}}}\n{steps}"
