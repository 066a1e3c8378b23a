"""Run the command line, as ``pcnotebooks`` or as ``python -m pcnotebooks``."""

import signal
import sys


def main() -> None:
    """Run the command line; an interrupt ends it without a traceback, imports included."""
    # Libraries turn an interrupt of their import into other errors. Until a command runs, there is
    # nothing to clean up.
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pcnotebooks.cli.main import main as run  # noqa: PLC0415

    signal.signal(signal.SIGINT, handler)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # also while the interpreter ends


if __name__ == "__main__":
    main()
