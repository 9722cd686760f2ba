"""Draws the diagrams of docs/how-it-works.md into docs/pictures: a part of `make pictures`.

Every colour can be read on white and on black, since a picture does not know what it stands on.
"""

import os
import sys
from html import escape
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#c05000", "#00805c", "#7a7a7a"


class Drawing:
    """An SVG of boxes, arrows and words."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size, self._title, self._parts = (width, height), title, list[str]()

    def box(self, x: float, y: float, width: float, height: float, *lines: str, colour: str = BLUE) -> None:
        self._parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{colour}"/>')
        for i, line in enumerate(lines):
            below = y + height / 2 + 5 + 17 * (i - (len(lines) - 1) / 2)
            self.words(x + width / 2, below, line, colour="#fff", weight=400 if i else 600)

    def frame(self, x: float, y: float, width: float, height: float, title: str) -> None:
        rectangle = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="none"'
        self._parts.append(f'{rectangle} stroke="{GREY}" stroke-dasharray="4 4"/>')
        self.words(x + 10, y - 7, title, anchor="start")

    def arrow(self, *points: tuple[float, float], colour: str = GREY, dashed: bool = False) -> None:
        path, dash = " ".join(f"{x},{y}" for x, y in points), ' stroke-dasharray="5 4"' if dashed else ""
        style = f'fill="none" stroke="{colour}" stroke-width="1.6"{dash} marker-end="url(#{colour[1:]})"'
        self._parts.append(f'<polyline points="{path}" {style}/>')

    def line(self, x: float, y: float, to_x: float, to_y: float, colour: str = GREY, width: float = 1) -> None:
        ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
        self._parts.append(f'<line {ends} stroke="{colour}" stroke-width="{width}"/>')

    def words(
        self, x: float, y: float, text: str, colour: str = GREY, anchor: str = "middle", weight: int = 400
    ) -> None:
        style = f'fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>')

    def save(self, name: str) -> None:
        heads = "".join(
            f'<marker id="{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
            for colour in (BLUE, ORANGE, GREEN, GREY)
        )
        size = 'viewBox="0 0 {} {}"'.format(*self._size)
        start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="system-ui,sans-serif"'
        body = "\n".join(self._parts)
        made = f'{start} font-size="13">\n<title>{escape(self._title)}</title>\n<defs>{heads}</defs>\n{body}\n</svg>\n'
        (PICTURES / f"{name}.svg").write_text(made)


def observe() -> None:
    """The hook, with one run that shows all and one in which a layer's result is replaced."""
    drawing = Drawing(820, 300, "One traced run shows what every layer returns; in another one result is replaced")
    layers = ("conv1d", "pooling", "lstm", "dense")
    for row, (y, title) in enumerate(((40, "observe(x): one compiled call"), (190, "replace(x, 'pooling', edit)"))):
        drawing.frame(110, y, 560, 84, title)
        if row == 0:
            drawing.words(60, y + 46, "x")
        for i, layer in enumerate(layers):
            x = 130 + 135 * i
            state = ("not run", "replaced", "as it is", "as it is")[i] if row else "as it is"
            colour = {"not run": GREY, "replaced": ORANGE, "as it is": BLUE}[state]
            drawing.box(x, y + 20, 110, 44, layer, state, colour=colour)
            if state == "as it is":
                drawing.arrow((80 if i == 0 else x - 25, y + 42), (x, y + 42))
            if row == 0:
                drawing.arrow((x + 55, y + 64), (x + 55, y + 108), colour=ORANGE)
        drawing.arrow((645, y + 42), (690, y + 42))
        drawing.words(698, y + 46, "prediction" if row == 0 else "what it would be", anchor="start")
    drawing.words(400, 163, "what every layer returns, all at once", colour=ORANGE)
    drawing.arrow((320, 290), (320, 254), colour=ORANGE)
    drawing.words(330, 290, "the argument takes the place of what the layer returns", colour=ORANGE, anchor="start")
    drawing.save("observe")


def timeline() -> None:
    """Real receptive fields: steps of a strided convolution and of a pooling behind it, over what they see."""
    import keras

    import tswidgets as tsw

    layers = [keras.layers.Conv1D(1, 5, strides=2, name="conv"), keras.layers.MaxPooling1D(2, name="pool")]
    model = keras.Sequential([keras.Input((24, 1)), *layers])
    drawing = Drawing(820, 250, "Steps of deeper layers at the centres of what they see, and stretched")

    def at(step: float) -> float:
        return 130 + 27 * step

    drawing.words(110, 214, "input, 24 steps", anchor="end")
    for step in range(24):
        drawing.line(at(step), 205, at(step), 215, width=2)
    for name, y, colour in (("conv", 140, BLUE), ("pool", 70, GREEN)):
        field = tsw.receptive_field(model, name)
        drawing.words(110, y + 5, f"{name}, {len(field.lo)} steps", anchor="end")
        for step, (lo, hi, centre) in enumerate(zip(field.lo, field.hi, field.centres, strict=True)):
            chosen = step == 3
            drawing.line(at(centre), y - 6, at(centre), y + 6, colour, 5)
            if chosen:
                drawing.line(at(lo), 205, at(centre), y + 6, colour)
                drawing.line(at(hi), 205, at(centre), y + 6, colour)
                drawing.line(at(lo), 224 if name == "conv" else 232, at(hi), 224 if name == "conv" else 232, colour, 4)
            if name == "pool":
                stretched = (step + 0.5) * 24 / len(field.lo) - 0.5
                drawing.line(at(stretched), 24, at(stretched), 36, ORANGE, 2)
    drawing.words(110, 35, "pool, stretched", anchor="end", colour=ORANGE)
    drawing.save("timeline")


def refresher() -> None:
    """Who submits, who computes, who draws."""
    drawing = Drawing(820, 270, "A slider submits, a worker computes the newest request, and one message draws it")
    drawing.frame(20, 40, 230, 200, "browser")
    drawing.frame(330, 40, 470, 200, "kernel")
    drawing.box(30, 60, 210, 46, "slider", "layer, sample, method …")
    drawing.box(30, 172, 210, 46, "figures", "one frame a picture", colour=GREEN)
    drawing.box(350, 60, 190, 46, "observer", "submits, nothing else")
    drawing.box(590, 60, 190, 46, "mailbox", "keeps the newest request", colour=GREY)
    drawing.box(590, 172, 190, 46, "worker thread", "Probe, analysis: pure")
    drawing.box(350, 172, 190, 46, "show(picture)", "the only writer", colour=GREEN)
    drawing.arrow((240, 83), (350, 83))
    drawing.arrow((540, 83), (590, 83))
    drawing.arrow((685, 106), (685, 172))
    drawing.arrow((590, 195), (540, 195))
    drawing.arrow((350, 195), (240, 195))
    drawing.arrow((135, 106), (135, 172), colour=ORANGE, dashed=True)
    drawing.words(143, 143, "filter: drawn here", colour=ORANGE, anchor="start")
    drawing.words(290, 187, "1 message")
    drawing.words(677, 143, "older ones are dropped", anchor="end")
    drawing.save("refresher")


DIAGRAMS = {draw.__name__: draw for draw in (observe, timeline, refresher)}

if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for draw in DIAGRAMS.values():
        draw()
