"""Payloads kept over time: takes payloads, gives them back, and their frames as of any day.

It must not know how payloads are fetched or shown.
"""
