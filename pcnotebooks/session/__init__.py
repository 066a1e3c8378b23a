"""Signing in: takes a cloud and settings, gives a session whose credential gives tokens.

It must not know what is asked with a token, nor what is answered.
"""
