"""Partner Center itself: takes a session, gives the payloads that the service answers.

It must not know how payloads are shown.
"""
