"""Pages as HTML, SVG and PNG: valid, escaped, and with each value at its place."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from seqshell.core.events import (
    Attention,
    Branch,
    Branches,
    ColouredText,
    Forecast,
    HookOutput,
    Label,
    Notice,
    Picture,
    Reach,
    Score,
    Scored,
    Table,
    Tables,
    Text,
)
from seqshell.core.events.against import Against, AgainstStep
from seqshell.core.events.interventions import Sweep, SweepRow
from seqshell.core.pictures import html, paints, raster, svg
from seqshell.core.pictures.drawing import CHARACTER, Box, Dot, Track, Words
from seqshell.core.pictures.layout import COLUMNS, MARGIN, laid_out
from seqshell.core.pictures.page import (
    Axis,
    Bars,
    Curve,
    Curves,
    Grid,
    Heading,
    HeatMap,
    Note,
    Page,
    Passage,
    Piece,
    Plain,
    Scale,
    Scatter,
    Tree,
    Twig,
    surprisal_scale,
)
from seqshell.core.pictures.tree_rows import rows_of_tree

HOSTILE = "</script><script>alert(1)</script><!--\"'>&amp;\x00\x1b[31m\u202egnp\u2066\ud800\uffff]]>"
VOID = {"meta"}


def every_block(text):
    """A block of each kind, with a text wherever there is one."""
    scale = Scale(-1.0, 1.0, text)
    return Page(
        (
            Heading(text, text),
            Note(text),
            Plain(text),
            Passage((Piece(text, 0.5, text), Piece(text, bold=True), Piece("\n", -1.0)), scale),
            Grid((text, "n"), ((text, 1), (None, 0.5)), text),
            HeatMap((text,), (text,), ((0.5,),), scale),
            Bars((text,), (0.5,), text, text, (text,)),
            Tree((Twig(text, 0.5, text, (Twig(text, dim=True),), marked=True),), text),
            Scatter(((0.5, 0.5, text),), Axis(text), Axis(text), text),
            Curves((Curve(text, 0, (0.0, 1.0), (0.0, 0.0), (1.0, 2.0)),), text, text, ((0, text),)),
        ),
        text,
        text,
    )


class Parsed(HTMLParser):
    """The elements and texts of a page. Fails where a tag is not closed."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts, self.problems = [], [], [], [], []
        self.feed(source)
        self.close()
        assert (self.open, self.problems) == ([], [])

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_hostile_text_stays_text_in_every_place_of_a_page():
    """Tags, quotes, comments, control characters, changes of direction, lone surrogates and non-characters."""
    plain, attacked = (Parsed(html.document(every_block(text))) for text in ("x", HOSTILE))

    assert attacked.tags == plain.tags
    assert [name for name, _ in attacked.attributes] == [name for name, _ in plain.attributes]
    assert "script" not in attacked.tags
    assert not set(dict(attacked.attributes)) & {"onclick", "onload", "href", "src"}
    shown = "</script><script>alert(1)</script><!--\"'>&amp;^@^[[31m<U+202E>gnp<U+2066>\ufffd\ufffd]]>"
    assert sum(shown in text for text in attacked.texts) >= 20
    assert not re.search("[\x00\x1b\u202e\u2066\ufffe\uffff]", html.document(every_block(HOSTILE)))


def test_hostile_text_stays_text_in_svg():
    plain, attacked = (ElementTree.fromstring(svg.document(every_block(text))) for text in ("x", HOSTILE))

    assert {element.tag for element in attacked.iter()} == {element.tag for element in plain.iter()}
    assert not [each for element in attacked.iter() for each in element.attrib if each.startswith(("on", "href"))]


def test_a_page_of_html_loads_nothing_and_runs_no_script():
    source = html.document(every_block("x"))

    assert "default-src 'none'; style-src 'unsafe-inline'" in source
    assert set(re.findall(r"https?://[^\"]+", source)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in source
    assert "@import" not in source
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in source


def test_a_page_has_colours_for_light_and_dark_pages():
    source = html.document(every_block("x"))
    light, dark = source.split("@media (prefers-color-scheme:dark)", 1)

    assert f".p20{{background:{paints.paints()['p20']};color:{paints.paints()['on-p20']}}}" in light
    assert f".p20{{background:{paints.paints(dark=True)['p20']};" in dark
    assert (paints.paints()["p20"], paints.paints(dark=True)["p20"]) == ("#0072b2", "#56b4e9")


def test_values_are_in_the_title_of_each_token_and_colours_in_its_class():
    event = ColouredText(("a", "\n", "<", "b"), (1.0, -0.5, 0.0, None), -1.0, 2.0, "a title", "cell[0,1]")
    source = html.body(event.as_page())

    assert "<h1>a title</h1>" in source
    assert '<span class="p10" title="&#x27;a&#x27; · 1 cell[0,1]">a</span>' in source
    assert '<span class="n5 nl" title="&#x27;\\n&#x27; · -0.5 cell[0,1]">\n</span>' in source
    assert '<span title="&#x27;&lt;&#x27; · 0 cell[0,1]">&lt;</span>b</div>' in source
    assert re.search(r'cell\[0,1\] -2 <span class="scale">.*</span> 2 · values -1 to 2</p>', source)


def test_a_coloured_text_in_svg_has_each_token_on_its_colour():
    page = Page((Passage((Piece("ab", 1.0), Piece("日", 0.5), Piece("c")), Scale(0.0, 1.0)),))
    shapes = laid_out(page).shapes[:5]

    assert [(each.x, each.width, each.paint) for each in shapes if isinstance(each, Box)] == [
        (MARGIN, 2 * CHARACTER, "o20"),
        (MARGIN + 2 * CHARACTER, 2 * CHARACTER, "o10"),
    ]
    assert [(each.x, each.text, each.paint) for each in shapes if isinstance(each, Words)] == [
        (MARGIN, "ab", "on-o20"),
        (MARGIN + 2 * CHARACTER, "日", "on-o10"),
        (MARGIN + 2 * CHARACTER + 2 * CHARACTER, "c", "text"),
    ]
    assert f'fill="{paints.paints()["o20"]}"><title>&#x27;ab&#x27; · 1</title></rect>' in svg.document(page)


def test_a_long_line_is_wrapped_and_nothing_of_it_is_lost():
    text = "0123456789" * 25
    shapes = laid_out(
        Page(
            (
                Passage(
                    (Piece(text[:95]), Piece(text[95:])),
                ),
            )
        )
    ).shapes

    assert "".join(shape.text for shape in shapes) == text
    assert max(shape.x + shape.length for shape in shapes) == pytest.approx(MARGIN + COLUMNS * CHARACTER)


def test_a_tree_of_any_depth_is_drawn_row_by_row():
    twig = Twig("leaf")
    for _ in range(3000):
        twig = Twig("x", 0.5, twigs=(twig, Twig("y")))
    rows = list(rows_of_tree(Tree((twig, Twig("z")))))

    assert len(rows) == 6002
    assert [lines for lines, _ in rows[:3]] == ["", "├─ ", "│  ├─ "]
    assert rows[-2][0] == "└─ "


def test_pictures_are_png_and_pdf_and_refuse_what_is_too_large():
    assert raster.picture(every_block("$x_1$ 日"), "png").startswith(b"\x89PNG")
    assert raster.picture(Page((Note("a"),)), "pdf").startswith(b"%PDF")
    with pytest.raises(Exception, match="too large; use"):
        raster.picture(Page((Plain("\n" * 1100),)), "png")


EVENTS = {
    "text": (Text("you: me", ((0, 4),)), "<b>you:</b> me"),
    "table": (Table(("a", "b"), (("x", 1.5), (True, None)), "title"), '<td class="number">1.5</td>'),
    "tables": (Tables((Table(("a",), ((1,),)), Table(("b",), ((2,),)))), "<th>b</th>"),
    "score": (
        Score((Scored("a", -2.0, 1, (("b", -1.0),)),), -2, 2, 3, 4),
        "2 nats · rank 2 · most likely: &#x27;b&#x27;",
    ),
    "reach": (Reach((("a", 0.5), ("b", 1.0)), "c", -1.0, 2.0), 'style="width:50.00%"'),
    "attention": (Attention(("a", " b"), ("c",), np.array([[0.25, 1.0]])), 'class="o5" title="c · a · 0.25 weight"'),
    "label": (
        Label("ab", "pos", (("pos", 0.75), ("neg", 0.25)), (("a", 0.5), ("b", -1.0))),
        'class="n20" title="&#x27;b&#x27; · -1 towards pos"',
    ),
    "branches": (
        Branches((Branch("main", 3, current=False), Branch("main.2", 5, True, "so", "main", 2))),
        '<li class="marked"><span class="lines">└─ </span><span>main.2</span> <small>from 2 · position 5 · so</small>',
    ),
    "picture": (Picture(np.array([[0.0, 2.0]]), {"columns": ["a", "b"]}), 'class="o20" title=" · b · 2"'),
    "forecast": (
        Forecast(("x",), np.array([[1.0], [2.0]]), np.array([[3.0]]), np.array([[2.5]]), np.array([[3.5]])),
        "<polyline",
    ),
    "of a hook": (HookOutput("p", "h", Text("hm")), "hm"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_notebooks_show_events(name):
    event, expected = EVENTS[name]
    shown = event._repr_html_()

    Parsed(shown)
    assert shown.startswith('<div class="seqshell">')
    assert expected in shown


def test_an_event_with_nothing_to_see_has_no_page():
    assert Notice("hm").as_page() is None
    assert Notice("hm")._repr_html_() is None


def test_a_scatter_plot_has_its_points_between_the_ends_of_its_axes():
    """Of the frame, 320 pixels wide and high, (0, 0) is the middle if both axes begin at -1."""
    block = Scatter(
        ((-1.0, 0.0, "a"), (0.0, 1.0, "b"), (9.0, 0.0, "c")),
        Axis("x", -1, 1),
        Axis("y", -1, 1),
        guide=((-1, -1), (1, 1)),
    )
    shapes = laid_out(Page((block,))).shapes
    (left, top), (middle, high), (right, _) = ((each.x, each.y) for each in shapes if isinstance(each, Dot))
    (guide,) = (each for each in shapes if isinstance(each, Track))

    assert (middle - left, right - left, top - high) == pytest.approx((160, 320, 160))
    assert guide.points == ((left, top + 160), (right, high))


def test_one_surprising_token_leaves_the_others_their_colours():
    assert surprisal_scale([1.0] * 9 + [21.0], "nats") == Scale(0.0, 9.0, "nats")
    assert surprisal_scale([1.0, 2.0, float("inf")], "bits") == Scale(0.0, 2.0, "bits")
    assert surprisal_scale([], "nats") == Scale(0.0, 1.0, "nats")


def test_a_sweep_is_drawn_as_the_divergence_of_each_value():
    rows = (SweepRow(-1.0, 0.5, (("a", 1.0),), "b"), SweepRow(0.0, 0.25, (("c", 1.0),), "d"))
    bars, grid = Sweep("0[3]", 0.0, rows).as_page().blocks

    assert (bars.labels, bars.values, bars.unit) == (("-1", "0"), (0.5, 0.25), "nats")
    assert [row[-1] for row in grid.rows] == ["'b'", "'d'"]


def test_two_continuations_are_coloured_by_their_divergence():
    steps = (
        AgainstStep(b"a", b"a", 0.0, differs=False),
        AgainstStep("é".encode()[:1], b"b", 0.5, differs=True),
        AgainstStep("é".encode()[1:], b"c", None, differs=True),
    )
    blocks = Against("main", "main.2", steps).as_page().blocks
    passages = [block for block in blocks if isinstance(block, Passage)]

    assert ["".join(piece.text for piece in passage.pieces) for passage in passages] == ["aé", "abc"]
    assert [(piece.value, piece.bold) for piece in passages[1].pieces] == [(0.0, False), (0.5, True), (None, False)]
    assert isinstance(blocks[-1], Curves)
    assert "<polyline" in html.body(Page(blocks))
