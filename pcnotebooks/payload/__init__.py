"""The service's raw answer, kept whole: takes bytes, gives typed values with exact amounts.

It must not know where the bytes came from, nor what is worked out from them.
"""
