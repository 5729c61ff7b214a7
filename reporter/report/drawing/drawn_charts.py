"""The drawn charts of a report, from the records to the SVG of the page and of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import NamedTuple, TypeVar

from reporter.model import Chart
from reporter.model.extensions import Chapter
from reporter.report.comparison import Comparison
from reporter.report.drawing import svg_files, thinning, vega
from reporter.report.drawing.narrowing import narrowed
from reporter.report.drawing.other_process import OtherProcess
from reporter.report.drawing.png_files import conversion
from reporter.report.language import Language
from reporter.report.modes import mode_ranking
from reporter.report.sections import Figure
from reporter.report.training.training_names import specific, start

T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """A drawn chart: what the page shows, and the SVG of its file."""

    figure: Figure
    chapter: Chapter
    order: int
    file: str
    slide: bool = False


def draw(comparison: Comparison, tongue: Language, charts: Iterable[Chart]) -> list[Picture]:
    """Draws every chart that has something to show."""
    return list(Pictures(comparison, tongue, charts))


class Pictures:
    """The drawn charts of a report, of those that have something to show, and with `convert` their PNG files.

    If drawing takes long, another process does it: the first use waits for it.
    """

    def __init__(
        self, comparison: Comparison, tongue: Language, charts: Iterable[Chart], convert: bool = False
    ) -> None:
        self._convert = convert
        self._sketches = [sketch for chart in charts if (sketch := _sketch(chart, comparison, tongue))]
        specs = [spec for each in self._sketches for spec in (each.spec, each.narrow) if spec]
        self._drawing = svg_files.drawing(specs, tongue, vega.draw)
        self._made = _future(self._make, meanwhile=self._drawing.started)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._made.result()[0])

    def pngs(self) -> Iterator[bytes]:
        """The PNG file of each."""
        yield from self._made.result()[1].results()

    def _make(self) -> tuple[list[Picture], OtherProcess[bytes]]:
        svgs = iter(self._drawing.results())
        pictures = [_picture(each, next(svgs), next(svgs) if each.narrow else "") for each in self._sketches]
        return pictures, conversion(picture.file for picture in pictures if self._convert)


def _future(work: Callable[[], T], *, meanwhile: bool) -> Future[T]:
    """What some work gives, which is done by a thread that no end of the program waits for, or now."""
    found: Future[T] = Future()

    def do() -> None:
        try:
            found.set_result(work())
        except BaseException as error:  # a PanicException of vl-convert is no Exception
            found.set_exception(error)
            if not meanwhile and not isinstance(error, Exception):
                raise

    if meanwhile:
        Thread(target=do, daemon=True).start()
    else:
        do()
    return found


class _Sketch(NamedTuple):
    """What a chart will show: the specifications for the page and for narrow screens, and its texts."""

    chart: Chart
    title: str
    caption: str
    file: str
    spec: vega.Spec
    narrow: vega.Spec | None


def _sketch(chart: Chart, comparison: Comparison, tongue: Language) -> _Sketch | None:
    shown = thinning.pictured(comparison, chart.most, per_machine=chart.per_machine)
    spec = chart.draw(shown, tongue)
    if spec is None:
        return None
    note = thinning.note(shown, comparison, tongue)
    of_mode = mode_ranking.eager_note(comparison, tongue) if chart.eager else ""
    title, file = tongue._(specific(chart.title, start(comparison.records))), chart.name + tongue.suffix
    remark = chart.remark(shown, tongue) if chart.remark else ""
    caption = " ".join(filter(None, (tongue._(chart.caption), remark, of_mode, note)))
    small = chart.narrow(shown, tongue) if chart.narrow and thinning.has_narrow_forms(comparison) else None
    whole, narrow = _noted(spec, note) if note else spec, narrowed(small) if small else None
    return _Sketch(chart, title, caption, file, whole, narrow)


def _picture(sketch: _Sketch, svg: str, narrow: str) -> Picture:
    chart, title = sketch.chart, sketch.title
    small = vega.inline(narrow, f"{chart.name}-narrow", title) if narrow else ""
    figure = Figure(chart.name, title, sketch.caption, vega.inline(svg, chart.name, title), sketch.file, small)
    return Picture(figure, chart.chapter, chart.order, vega.file(svg, title), chart.slide)


def _noted(spec: vega.Spec, note: str) -> vega.Spec:
    """A chart that says what it leaves out, beneath its own title where it has one."""
    return spec | {"title": {"text": spec["title"], "subtitle": note} if "title" in spec else note}
