#!/usr/bin/env python3
"""The rules of the house that no compiler checks (docs/STYLE.md says why each is there).

    scripts/lint_rules.py [FILE...]     all of the project's C++ and Python unless given

Prints "file:line: what is wrong" and exits with 1 if there is any. A rule takes a Source and
yields (line, complaint).
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("include", "src", "tools", "tests", "bench", "examples", "scripts")

LONGEST_FILE, LONGEST_LINE, LONGEST_FUNCTION = 500, 100, 60

# A room may include from those before it.
ROOMS = ("uring", "loop", "engine", "net", "file", "term", "http", "talk", "serve", "fetch", "load")
STRANGERS = ({"term", "http"}, {"talk", "http"}, {"talk", "serve"}, {"talk", "fetch"},
             {"talk", "load"}, {"serve", "fetch"}, {"serve", "load"}, {"fetch", "load"})

# Where waiting has to be polling: one bounded loop for each language.
POLLING = ("tests/cli/spate_cli.py",)

TOKEN = re.compile(
    r'R"(?P<mark>[^()\s]{0,16})\(.*?\)(?P=mark)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'"  # a character, not a digit separator
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


class Source:
    """A file's text, and its code: the same with comments and string literals blanked out."""

    def __init__(self, path, text):
        self.path = path  # Relative to the root, with slashes.
        self.text = text
        self.lines = text.splitlines()
        self.is_cpp = path.endswith((".cpp", ".hpp"))
        self.code = TOKEN.sub(blank, text) if self.is_cpp else text

    def line_at(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def room(self):
        """Its folder in src/, else its first folder."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]


def may_include(room, other):
    if room == other or room not in ROOMS:
        return True
    return ROOMS.index(other) < ROOMS.index(room) and {room, other} not in STRANGERS


def include_direction(source):
    room = source.room()
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if not match or not source.is_cpp:
            continue
        quote, name = match.groups()
        folder = name.split("/")[0]
        if name.startswith("liburing") and room not in ("uring", "tests"):
            yield number, "only src/uring knows liburing"
        elif room in ("include", "examples") and quote == '"':
            yield number, f"{room}/ includes only public headers, as <spate/...>"
        elif room in ROOMS and quote == '"' and folder not in ROOMS:
            yield number, f'"{name}" does not begin with a room of src/'
        elif quote == '"' and folder in ROOMS and not may_include(room, folder):
            yield number, f"{room} does not include from {folder}"


def operand(code, start):
    """The code from `start` to the end of its statement or of the parentheses around it."""
    depth = 0
    for end in range(start, len(code)):
        if code[end] in "([{":
            depth += 1
        elif code[end] in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and code[end] == ";"):
            return code[start:end]
    return code[start:]


def is_initialiser(before):
    """Whether a brace after this code begins a list of values rather than a block."""
    before = before.rstrip()
    word = re.search(r"(\w+)$", before)
    if word and word.group(1) in ("else", "do", "try", "const", "noexcept", "mutable", "override"):
        return False
    return not re.search(r"->[^;(){}]*$", before) and bool(re.search(r"[\w=,(]$", before))


def co_await_operands(source):
    """g++ 12 destroys temporaries twice when a co_await is made of these: aggregates, lambdas
    and conditionals. Subscripts and typed numbers are let through. What is awaited in the condition
    of an if or a while is moved while it is waited for, and never goes on."""
    if not source.is_cpp:
        return
    for match in re.finditer(r"\bco_await\b", source.code):
        harmless = r"[\w)\]]\s*\[|\bstd::(size_t|byte|u?int\d+_t)\{"
        found = set(re.sub(harmless, "", operand(source.code, match.end()))) & set("{[?")
        opening = max(source.code.rfind(mark, 0, match.start()) for mark in ";{}")
        if "?" in source.code[opening + 1:match.start()]:
            found.add("?")
        if opening >= 0 and source.code[opening] == "{" and is_initialiser(source.code[:opening]):
            found.add("{")
        before = source.code[max(0, match.start() - 200):match.start()]
        if re.search(r"\b(if|while)\s*\(([^;{}()=]|\([^()]*\)|\()*$", before):
            yield source.line_at(match.start()), "co_await in a condition: name its result first"
        if found:
            yield (source.line_at(match.start()),
                   f"{' '.join(sorted(found))} with co_await: name the operand first")


def lengths(source):
    if len(source.lines) > LONGEST_FILE:
        yield LONGEST_FILE + 1, f"longer than {LONGEST_FILE} lines"
    for number, line in enumerate(source.lines, 1):
        if len(line) > LONGEST_LINE:
            yield number, f"longer than {LONGEST_LINE} columns"


def opens_function(header):
    """Whether a brace after this code, all since the last ; { or }, begins a function's body."""
    header = re.sub(r"^\s*#.*$", "", header, flags=re.MULTILINE)
    header = re.sub(r"^\s*(\w+:)?\s*(template\s*<[^()]*>)?", "", header)
    return ("(" in header and not re.match(
        r"(namespace|class|struct|union|enum|extern|if|for|while|switch|else|do)\b", header))


def function_length(source):
    if not source.is_cpp:
        return
    openings = []  # For each brace that is open: where its function began, or None.
    for match in re.finditer(r"[{}]", source.code):
        at = match.start()
        if match.group() == "{":
            inside = any(begun is not None for begun in openings)
            since = max(source.code.rfind(mark, 0, at) for mark in ";{}") + 1
            begins = not inside and opens_function(source.code[since:at])
            openings.append(at if begins else None)
        elif openings:
            begun = openings.pop()
            length = begun is not None and source.code.count("\n", begun, at) + 1
            if length and length > LONGEST_FUNCTION:
                yield source.line_at(begun), f"a function of {length} lines"


def sleeping_tests(source):
    """A peer may be slow, if its line says that it is so on purpose."""
    pattern = r"\b(std::this_thread::sleep_\w+|usleep|nanosleep|::sleep|time\.sleep)\("
    if source.room() != "tests" or source.path in POLLING:
        return
    for match in re.finditer(pattern, source.code):
        line = source.line_at(match.start())
        if "on purpose" not in source.lines[line - 1].lower():
            yield line, "tests wait for an event, they do not sleep"


def header_shape(source):
    if not source.path.endswith(".hpp"):
        return
    if not source.text.startswith("//"):
        yield 1, "a header begins by saying what it is for"
    if "\n#pragma once\n" not in source.text:
        yield 1, "no #pragma once"


def empty_names(source):
    if not source.is_cpp:
        return
    for match in re.finditer(r"\b\w*(Manager|Helper|Utils?)\b", source.code):
        yield source.line_at(match.start()), f"{match.group()} does not say what the thing is"


def throwing_prints(source):
    """A full disk under standard error is no reason to take a server down. Tests may end by it."""
    if source.room() == "tests":
        return
    for match in re.finditer(r"\b(fmt|std)::print(ln)?\(", source.code):
        yield source.line_at(match.start()), (
            f"{match.group()[:-1]} throws where nobody can read: term::print")


RULES = (include_direction, co_await_operands, lengths, function_length, sleeping_tests,
         header_shape, empty_names, throwing_prints)


def complaints(source):
    for rule in RULES:
        for line, complaint in rule(source):
            yield f"{source.path}:{line}: {complaint}"


def project_files(root=ROOT):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".py") and path.is_file():
                yield path


def main():
    paths = [Path(name).resolve() for name in sys.argv[1:]] or project_files()
    sources = [Source(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths]
    found = [complaint for source in sources for complaint in complaints(source)]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
