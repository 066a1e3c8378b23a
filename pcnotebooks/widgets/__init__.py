"""Controls in a notebook: takes sessions and payloads, gives widgets that show an overview.

It must not work out what it shows.
"""
