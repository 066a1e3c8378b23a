"""The commands of a shell: they read options, call the other rooms and print the results.

This room computes no figure. Each module has the commands of one subject; `main` lists them all.
"""
