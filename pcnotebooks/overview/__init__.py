"""Turn frames into sentences, figures and chart models, computed once for every surface.

This room must not know how they are drawn, laid out or stored.
"""
