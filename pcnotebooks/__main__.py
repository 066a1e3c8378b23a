"""The commands as ``python -m pcnotebooks``, for a shell whose PATH lacks the script."""

from pcnotebooks.cli import main

if __name__ == "__main__":
    main()
