"""Keep payloads over time, and return them, or their frames as of any day.

This package must not know how payloads are fetched or shown.
"""
