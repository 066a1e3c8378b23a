"""The service's raw answers: keep their bytes, and decode them to typed values.

This package must not know where the bytes came from, or how they are used.
"""
