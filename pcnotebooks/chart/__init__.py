"""Draw chart models as matplotlib axes, or as SVG for a page.

This room must not compute the figures that it draws.
"""
