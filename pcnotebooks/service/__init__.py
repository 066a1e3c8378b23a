"""Call Partner Center: take a session, and return the service's answers as payloads.

This room must not know how payloads are shown.
"""
