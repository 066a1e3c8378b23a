"""Chart models as pictures: takes a model, gives matplotlib axes or SVG for a page.

It must not work out what it draws.
"""
