"""Choose the background of matplotlib charts, and colours that are legible on it."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.overview.palette import PALETTE

_THEMES = ("auto", "light", "dark")
_WRITTEN = ("text", "muted", "attention", "sample")
_LEGIBLE = 4.5  # contrast that WCAG 2 requires for small letters


def colours_on(figure: Figure, theme: str, *, own: bool) -> dict[str, str]:
    """Return the palette of a theme, and make sure that texts are legible on the figure.

    A style may set a background on which no palette is legible, such as the mid grey of
    "classic". A figure created here gets the page's background. A user's figure keeps its
    background if texts are legible on it, or if it is transparent.
    """
    if theme not in _THEMES:
        raise ConfigurationError(
            f"There is no theme {theme!r}.", remedy='Choose theme="auto", "light" or "dark".'
        )
    ground = to_rgba(figure.get_facecolor())
    transparent = ground[3] == 0
    red, green, blue, _ = ground
    dark = not transparent and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
    if theme != "auto":
        dark = theme == "dark"
    colours = {name: shades[dark] for name, shades in PALETTE.items()}
    legible = min(_contrast(ground, to_rgba(colours[name])) for name in _WRITTEN) >= _LEGIBLE
    if own or not (legible or transparent):
        _paint(figure, colours["page"])
    return colours


def _paint(figure: Figure, colour: str) -> None:
    """Set the background of a figure, even if the style saves figures with another."""
    figure.set_facecolor(colour)
    if mpl.rcParams["savefig.facecolor"] != "auto":
        ground = Rectangle(
            (-1, -1), 3, 3, transform=figure.transFigure, facecolor=colour, zorder=-10
        )
        ground.set_in_layout(False)
        figure.add_artist(ground)


def _contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Any) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in colour[:3]]  # fmt: skip
    red, green, blue = linear
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
