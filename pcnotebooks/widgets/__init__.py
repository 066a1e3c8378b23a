"""Notebook widgets: take sessions and payloads, and show their overview.

This package must not compute any of the figures.
"""
