#!/usr/bin/env python3
"""Prints the sources that clang-tidy has to see again: those that differ from a revision, and those
that include a header that does. scripts/lint is the way in.

    lint_changed.py REVISION

What merely moved does not differ, nor does what merely includes it by its new name.
"""

import re
import subprocess
import sys
from pathlib import Path

INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]\s*$')


def included_as(path):
    """The name by which others include a header: its path without src/ or include/."""
    return path.partition("/")[2]


def parse_changes(text):
    """From `git diff --name-status -z`: pairs of a file's name before (None: it is new) and now."""
    fields = iter(text.split("\0"))
    for status in fields:
        if status.startswith(("R", "C")):
            before, now = next(fields), next(fields)
            yield (before, now) if status.startswith("R") else (None, now)
        elif status:
            name = next(fields)
            if status != "D":
                yield (None if status == "A" else name), name


def without_names(text, moved):
    """The text with its includes by their new names, and each block of them in one order."""
    lines, block = [], []
    for line in text.splitlines():
        if match := INCLUDE.match(line):
            block.append(f"{match[1]}{moved.get(match[2], match[2])}")
        else:
            lines += sorted(block) + [line]
            block = []
    return lines + sorted(block)


def really_changed(changes, read_before, read_now):
    """Of pairs of names, those now of files that say something else than before."""
    moved = {included_as(before): included_as(now)
             for before, now in changes if before and before != now}
    for before, now in changes:
        if before is None or (without_names(read_before(before), moved) !=
                              without_names(read_now(now), {})):
            yield now


def to_check(changed, sources, read_now):
    """Of all sources, those that changed or include a header that did."""
    headers = {included_as(path) for path in changed
               if path.endswith(".hpp") and path.startswith(("src/", "include/"))}
    for path in sources:
        includes = {match[2] for line in read_now(path).splitlines()
                    if (match := INCLUDE.match(line))}
        if path in changed or includes & headers:
            yield path


def git(*arguments):
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def main():
    (revision,) = sys.argv[1:]

    def read_before(path):
        return git("show", f"{revision}:{path}")

    def read_now(path):
        return Path(path).read_text()

    changes = list(parse_changes(git("diff", "--name-status", "-z", "-M", "-l0", revision,
                                     "--", "*.cpp", "*.hpp")))
    new = git("ls-files", "-o", "--exclude-standard", "--", "*.cpp", "*.hpp").split("\n")
    changed = set(really_changed(changes, read_before, read_now)) | set(new)
    sources = git("ls-files", "-co", "--exclude-standard", "--", "src/*.cpp", "tools/*.cpp")
    existing = sorted({path for path in sources.split("\n") if path and Path(path).exists()})
    for path in to_check(changed, existing, read_now):
        print(path)


if __name__ == "__main__":
    main()
