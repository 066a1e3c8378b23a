"""Payloads as tidy frames: takes payloads, gives frames and the figures read off them.

It must not know a network, a page or a locale.
"""
