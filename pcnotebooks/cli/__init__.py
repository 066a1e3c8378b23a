"""The same steps from a shell: each command takes its options and prints what the others return.

It computes nothing. A module has the commands of one subject; `main` names them all.
"""
