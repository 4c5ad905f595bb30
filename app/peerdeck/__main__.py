"""Desktop, or a command?"""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed, 2 wrong usage."""
    from peerdeck.cli import COMMANDS, parse

    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    if options.command in COMMANDS:
        return COMMANDS[options.command](options)
    from peerdeck.gui.app import run

    return run(demo=options.demo, tour=options.tour)


if __name__ == "__main__":
    sys.exit(main())
