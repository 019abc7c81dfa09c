"""Which sources scripts/lint shows to clang-tidy after a change."""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/cli")]

import lint_changed  # noqa: E402
import tap  # noqa: E402

BEFORE = {
    "src/net/a.hpp": "int a();\n",
    "src/net/a.cpp": '#include "net/a.hpp"\n\nint a() { return 1; }\n',
    "src/net/user.cpp": '#include "net/a.hpp"\n#include "net/z.hpp"\n\nint b() { return a(); }\n',
    "src/net/z.hpp": "int z();\n",
    "include/spate/p.hpp": "int p();\n",
    "tools/main.cpp": "#include <spate/p.hpp>\nint main() {}\n",
}


class ChangesTest(unittest.TestCase):
    def test_changes_as_git_prints_them(self):
        printed = "M\0src/a.cpp\0A\0src/b.cpp\0D\0src/c.cpp\0R097\0src/d.cpp\0src/e.cpp\0"
        self.assertEqual(list(lint_changed.parse_changes(printed)), [
            ("src/a.cpp", "src/a.cpp"), (None, "src/b.cpp"), ("src/d.cpp", "src/e.cpp")])
        self.assertEqual(list(lint_changed.parse_changes("")), [])


class ToCheckTest(unittest.TestCase):
    def check(self, now, moved, expected):
        """`now` differs from BEFORE by its files; `moved` says what was renamed."""
        files = {path: text for path, text in BEFORE.items() if path not in moved} | now
        origin = {new: old for old, new in moved.items()}
        changes = [(origin.get(path, path if path in BEFORE else None), path) for path in now]
        changed = set(lint_changed.really_changed(changes, BEFORE.get, files.get))
        sources = sorted(path for path in files if path.endswith(".cpp"))
        self.assertEqual(list(lint_changed.to_check(changed, sources, files.get)), expected)

    def test_a_source_is_checked_itself(self):
        self.check({"src/net/a.cpp": "int a() { return 2; }\n"}, {}, ["src/net/a.cpp"])
        self.check({"src/net/new.cpp": ""}, {}, ["src/net/new.cpp"])

    def test_a_header_by_all_that_include_it(self):
        self.check({"src/net/a.hpp": "int a(int);\n"}, {}, ["src/net/a.cpp", "src/net/user.cpp"])
        self.check({"include/spate/p.hpp": "int p(int);\n"}, {}, ["tools/main.cpp"])

    def test_what_moved_is_not_checked_nor_who_includes_it(self):
        self.check({"src/core/zz.hpp": BEFORE["src/net/a.hpp"],
                    "src/core/a.cpp": BEFORE["src/net/a.cpp"].replace("net/a.hpp", "core/zz.hpp"),
                    # Sorted anew, by its new name.
                    "src/net/user.cpp": '#include "net/z.hpp"\n#include "core/zz.hpp"\n\n'
                                        "int b() { return a(); }\n"},
                   {"src/net/a.hpp": "src/core/zz.hpp", "src/net/a.cpp": "src/core/a.cpp"}, [])

    def test_what_moved_and_changed_is(self):
        self.check({"src/core/a.hpp": "int a(int);\n",
                    "src/net/a.cpp": BEFORE["src/net/a.cpp"].replace("net/a.hpp", "core/a.hpp")},
                   {"src/net/a.hpp": "src/core/a.hpp"}, ["src/net/a.cpp"])

    def test_another_include_is_a_change(self):
        self.check({"src/net/a.cpp": '#include "net/z.hpp"\n' + BEFORE["src/net/a.cpp"]}, {},
                   ["src/net/a.cpp"])


if __name__ == "__main__":
    tap.main()
