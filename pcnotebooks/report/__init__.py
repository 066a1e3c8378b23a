"""Files to share: write an overview as HTML, PDF, Excel or CSV, and render notebooks.

This package must not know sessions or the service.
"""
