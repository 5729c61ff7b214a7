"""`python -m reporter`, and the console script."""

from __future__ import annotations

from typing import NoReturn

from reporter import interrupts


def main() -> NoReturn:
    """Listens for interrupts before the command line is loaded, which takes a moment."""
    interrupts.listen()
    try:
        from reporter import cli

        cli.main()
    except KeyboardInterrupt:
        interrupts.leave()


if __name__ == "__main__":
    main()
