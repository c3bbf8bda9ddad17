"""Draws every event except the tokens of an answer. Computes nothing: the event holds what is drawn."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any

from seqshell.core.events import (
    ActiveInterventions,
    Against,
    Alternatives,
    Attention,
    Beams,
    Branches,
    ColouredText,
    Data,
    Event,
    Forecast,
    Gates,
    GradientLags,
    HookOutput,
    Label,
    LossCurves,
    ModelOpened,
    Moved,
    NextWords,
    Notice,
    PairScores,
    Picked,
    Picture,
    PresetLoaded,
    Probes,
    Progress,
    Reach,
    Score,
    Scores,
    SettingChanged,
    Spectrum,
    StateDifference,
    Sweep,
    Table,
    Tables,
    Tags,
    Text,
    TokenTree,
    Top,
    TracedText,
    UnitRanking,
)
from seqshell.core.text_output import cell, counted
from seqshell.terminal import (
    choices,
    coloured_text,
    forecast_chart,
    gate_plot,
    label_bars,
    lag_bars,
    loss_curves,
    saliency_bars,
    spectrum_plot,
    tables,
    tagged_text,
)
from seqshell.terminal.printer import Printer
from seqshell.terminal.progress_bar import ProgressBar
from seqshell.terminal.table_layout import draw_table

TAIL_ROWS = 4  # rows of the window for the end of a text with long lines


class Renderer:
    """Draws events on a printer: one method for each kind, found by the type of the event; of other kinds, the plain
    text.
    """

    def __init__(self, printer: Printer) -> None:
        self.printer = printer
        self._bar = ProgressBar(printer)

    def draw(self, event: Event) -> None:
        """Draw one event."""
        if isinstance(event, Notice):
            self._bar.interrupt(lambda: self._draw(event))
            return
        if not isinstance(event, Progress | Data):
            self.end_progress()
        if not (isinstance(event, LossCurves) and self._bar.take_left_curve()):
            self._draw(event)

    def end_progress(self) -> None:
        """Remove the progress bar, if there is one; the last loss curve of a training stays."""
        self._bar.close()

    @singledispatchmethod
    def _draw(self, event: Event) -> None:
        if (text := event.as_text()) is not None:
            self._draw(Text(text))

    @_draw.register
    def _(self, event: Notice) -> None:
        if event.level == "label":
            self.printer.fresh_line()
            self.printer.write(f"{event.text} ", "dim")
        else:
            self.printer.line(event.text, "warning" if event.level == "warning" else "dim")

    @_draw.register
    def _(self, event: HookOutput) -> None:
        self._draw(event.event)

    @_draw.register
    def _(self, event: Text) -> None:
        self.printer.fresh_line()
        at = 0
        for start, end in event.spans:
            self.printer.write(event.text[at:start])
            self.printer.write(event.text[start:end], "bold")
            at = end
        self.printer.write(event.text[at:])
        self.printer.fresh_line()

    @_draw.register
    def _(self, event: Table) -> None:
        draw_table(self.printer, event)

    @_draw.register
    def _(self, event: Tables) -> None:
        for index, table in enumerate(event.tables):
            if index:
                self.printer.line()
            draw_table(self.printer, table)

    @_draw.register
    def _(self, event: StateDifference) -> None:
        self._draw(Tables(event.tables()))

    @_draw.register
    def _(self, event: ColouredText) -> None:
        coloured_text.draw(self.printer, event)

    @_draw.register
    def _(self, event: UnitRanking) -> None:
        draw_table(self.printer, event.table())
        self.printer.line(event.summary(), "dim")

    @_draw.register
    def _(self, event: TracedText) -> None:
        self._draw(event.table())

    @_draw.register
    def _(self, event: ActiveInterventions) -> None:
        self.printer.line(event.as_text(), "dim" if event.change else "")

    @_draw.register
    def _(self, event: Sweep) -> None:
        draw_table(self.printer, event.table())

    @_draw.register
    def _(self, event: Progress) -> None:
        self._bar.show(event)

    @_draw.register
    def _(self, event: Moved) -> None:
        draw_moved(self.printer, event)

    @_draw.register
    def _(self, event: Top) -> None:
        tables.draw_top(self.printer, event)

    @_draw.register
    def _(self, event: Alternatives) -> None:
        tables.draw_alternatives(self.printer, event)

    @_draw.register
    def _(self, event: NextWords) -> None:
        choices.draw_words(self.printer, event)

    @_draw.register
    def _(self, event: Picked) -> None:
        draw_picked(self.printer, event)

    @_draw.register
    def _(self, event: Beams) -> None:
        choices.draw_beams(self.printer, event)

    @_draw.register
    def _(self, event: TokenTree) -> None:
        choices.draw_tree(self.printer, event)

    @_draw.register
    def _(self, event: Score) -> None:
        tables.draw_score(self.printer, event)

    @_draw.register
    def _(self, event: Scores | PairScores) -> None:
        tables.draw_scores(self.printer, event)

    @_draw.register
    def _(self, event: Against) -> None:
        draw_table(self.printer, event.table("█" if self.printer.unicode else "#"))
        self.printer.line(event.summary())

    @_draw.register
    def _(self, event: Reach) -> None:
        saliency_bars.draw(self.printer, event)

    @_draw.register
    def _(self, event: Spectrum) -> None:
        spectrum_plot.draw(self.printer, event)

    @_draw.register
    def _(self, event: Gates) -> None:
        gate_plot.draw(self.printer, event)

    @_draw.register
    def _(self, event: LossCurves) -> None:
        loss_curves.draw(self.printer, event)

    @_draw.register
    def _(self, event: GradientLags) -> None:
        lag_bars.draw(self.printer, event)

    @_draw.register
    def _(self, event: Probes) -> None:
        draw_table(self.printer, event.table())
        for note in event.notes():
            self.printer.line(note, "dim")

    @_draw.register
    def _(self, event: Branches) -> None:
        tables.draw_branches(self.printer, event)

    @_draw.register
    def _(self, event: Picture) -> None:
        tables.draw_picture(self.printer, event)

    @_draw.register
    def _(self, event: Attention) -> None:
        tables.draw_attention(self.printer, event)

    @_draw.register
    def _(self, event: Label) -> None:
        label_bars.draw_label(self.printer, event)

    @_draw.register
    def _(self, event: Tags) -> None:
        tagged_text.draw_tags(self.printer, event)

    @_draw.register
    def _(self, event: Forecast) -> None:
        forecast_chart.draw_forecast(self.printer, event)

    @_draw.register
    def _(self, event: SettingChanged) -> None:
        was = "" if event.was == event.value else f" (was {setting_text(event.was)})"
        self.printer.line(f"{event.name} {setting_text(event.value)}{was}", "dim")

    @_draw.register
    def _(self, event: PresetLoaded) -> None:
        for change in event.changes:
            self._draw(change)

    @_draw.register
    def _(self, event: ModelOpened) -> None:
        self.printer.line(event.title or event.name, "title")
        if event.about:
            self.printer.line(event.about, "dim")


def setting_text(value: Any) -> str:
    """The value of a setting as the user would write it; an empty one is none."""
    return "" if value is None else cell(value) or "none"


def draw_picked(printer: Printer, picked: Picked) -> None:
    """Draw the end of the text with a mark after it, then the position, the branch and how to undo it."""
    _draw_tail(printer, picked.tail)
    place = f"position {picked.end:,} · {picked.branch} · {counted(len(picked.picks))} chosen"
    printer.line(f"{place} · /undo goes back", "dim")


def _draw_tail(printer: Printer, tail: str) -> None:
    printer.fresh_line()
    if tail:
        room = TAIL_ROWS * printer.width
        printer.write(tail if len(tail) <= room else "… " + tail[-room:])
        printer.write("|", "dim")


def draw_moved(printer: Printer, moved: Moved) -> None:
    """Draw the end of the text with a mark after it, then the position, the branch and how to go back."""
    _draw_tail(printer, moved.tail)
    parts = [f"position {moved.position:,}", moved.branch, f"state of {moved.state}" if moved.state else ""]
    if moved.interventions:
        parts.append(f"{counted(len(moved.interventions), 'intervention')} active")
    if moved.removed:
        parts.append(f"{counted(abs(moved.removed))} {'undone' if moved.removed > 0 else 'restored'}")
    printer.line(" · ".join(filter(None, [*parts, moved.undo_path])), "dim")
