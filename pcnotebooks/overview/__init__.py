"""What payloads say, worked out once: takes frames, gives sentences, figures and chart models.

It must not know how any of it is drawn, laid out or stored.
"""
