"""Files to send on: takes an overview, gives HTML, PDF, Excel, CSV and rendered notebooks.

It must not know a session or a service.
"""
