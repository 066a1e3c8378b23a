"""Read options, call the other rooms and print their results.

This room computes no figures. Each module has the commands of one subject; `main` lists them all.
"""
