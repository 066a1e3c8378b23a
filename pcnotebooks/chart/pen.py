"""Write and measure texts with matplotlib, in the user's font."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.transforms import (
    Affine2D,
    IdentityTransform,
    ScaledTranslation,
    blended_transform_factory,
)

TITLE, LABEL, VALUE, TICK, SMALL = 11.0, 9.5, 9.0, 9.0, 9.0  # points, of letters
# At a low resolution, letters are up to this much wider than their outlines.
_COARSE = 1.03
LANE, THICK = 28.8, 13.0  # points, of a lane and of the bar in it


@dataclass(frozen=True)
class Pen:
    """The axes to draw on, colours for their background, and the scale of the user's font."""

    ax: Axes
    colours: Mapping[str, str]
    scale: float
    fitted: bool  # whether the figure has the size of its charts

    def write(
        self,
        words: str,
        place: tuple[Any, float],
        size: float,
        colour: str = "text",
        *,
        by: tuple[float, float] = (0, 0),
        **options: Any,
    ) -> None:
        """Write words at a place, or some points away from it."""
        self.ax.annotate(
            words,
            place,
            xytext=(by[0] * self.scale, by[1] * self.scale),
            textcoords="offset points",
            fontsize=size * self.scale,
            color=self.colours[colour],
            **{"va": "center"} | options,
        )

    def bar(self, lane: int, start: float, length: float, **look: Any) -> None:
        """Draw a bar in a lane, equally thick in all axes."""
        thick = THICK * self.scale
        figure: Any = self.ax.get_figure(root=True)
        points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
        upwards: Any = blended_transform_factory(IdentityTransform(), self.ax.transData)
        middle = ScaledTranslation(0, lane, upwards)
        place = blended_transform_factory(self.ax.transData, points + middle)
        self.ax.add_patch(
            Rectangle((start, -thick / 2), length, thick, transform=place, linewidth=0.6, **look)
        )

    def width(self, words: str, size: float, *, bold: bool = False) -> float:
        """Return the width of a text in points; of several lines, the widest."""
        font = FontProperties(size=size * self.scale, weight="bold" if bold else "normal")
        with warnings.catch_warnings():
            # When matplotlib draws, it warns of letters that the font lacks: once is enough.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            return _COARSE * max(
                float(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0])
                for line in words.split("\n")
            )

    def wrapped(self, words: str, room: float, size: float, *, bold: bool) -> str:
        """Return a text in lines that fit; a word that is too long gets its own line."""
        lines: list[str] = []
        for word in words.split(" "):
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, size, bold=bold) <= room:
                lines[-1] = longer
            else:
                lines.append(word)
        return "\n".join(lines)

    def cell(self) -> float:
        """Return the width for the axes and the texts around them, in points."""
        figure: Any = self.ax.get_figure(root=True)
        share, usual = self.ax.get_position().width, figure.subplotpars
        if figure.get_layout_engine() is not None:
            # A layout engine lets the axes use the margins, except for the texts in them.
            share = min(share / (usual.right - usual.left), 1.0)
        return float(72 * figure.get_figwidth() * share)

    def tall(self) -> float:
        """Return the height for the axes and the texts around them, in points."""
        figure: Any = self.ax.get_figure(root=True)
        return float(72 * figure.get_figheight() * self.ax.get_position().height)

    def room(self, left: float) -> float:
        """Return the width of the axes to the right of texts of this width, in points."""
        figure: Any = self.ax.get_figure(root=True)
        if figure.get_layout_engine() is None:
            return self.cell()  # the texts are outside of it
        return max(self.cell() - left - 12 * self.scale, 0.2 * self.cell())
