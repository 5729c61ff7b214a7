"""`python -m reporter`, and the console script."""

from __future__ import annotations

import atexit
import gc

TYPE_CHECKING = False  # as in typing, which is not imported while the current folder may be on sys.path
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Listens for interrupts before the command line is loaded, which takes a moment."""
    from reporter.host import interrupts

    atexit.register(gc.freeze)  # the collection at exit would visit every object once more
    try:
        interrupts.listen()  # an interrupt that arrives between two of its handlers ends the program in order, too
        from reporter.cli import main as cli

        cli.main()
    except KeyboardInterrupt:
        interrupts.leave()


if __name__ == "__main__":
    from reporter.host.importing import leave_current_folder

    leave_current_folder()
    main()
