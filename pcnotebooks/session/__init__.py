"""Sign in: take a cloud and settings, and return a session whose credential provides tokens.

This room must not know which requests use a token, or how they are answered.
"""
