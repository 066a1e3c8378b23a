"""Tidy frames of payloads, and the figures computed from them.

This package must not know the network, pages or locales.
"""
