"""A comparison of several parts, each by its name on the command line; all of them without one.

A part takes the settings and gives its results and the programs whose versions belong to them.
"""

import subprocess
import sys

import settings as settings_of
from programs import RunFailed, raise_open_files, versions
from results import publish


def main(name, about, parts, arguments, rounds, seconds):
    """The exit status: 1 if a part failed; the others are run and written all the same."""
    parser = settings_of.parser(name, about, rounds, seconds)
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(parts))
    parser.add_argument("--mib", type=int, default=1024, help="of a file to fetch or to move")
    settings = settings_of.parse(parser, arguments)
    unknown = set(settings.names) - set(parts)
    if unknown:
        parser.error(f"no such part: {' '.join(sorted(unknown))}; there are {' '.join(parts)}")
    raise_open_files()
    failed = [part for part in settings.names or parts
              if not run(name, part, parts[part], settings)]
    return 1 if failed else 0


def run(name, part, compare, settings):
    """Whether it ended well."""
    try:
        made, programs = compare(settings)
        publish(made, settings, settings_of.conditions(settings, versions(programs)))
        return True
    except (RunFailed, OSError, subprocess.SubprocessError) as failure:
        print(f"{name}: {part}: {failure}", file=sys.stderr)
        return False
