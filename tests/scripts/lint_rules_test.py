"""Seeds what each rule of scripts/lint_rules.py forbids, and holds the tree to all of them."""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/cli")]

import lint_rules  # noqa: E402
import tap  # noqa: E402


class LintRulesTest(unittest.TestCase):
    def check(self, rule, cases):
        """Cases are (path, text, lines that the rule is to name)."""
        for path, text, lines in cases:
            with self.subTest(path=path, text=text[:80]):
                found = [line for line, _ in rule(lint_rules.Source(path, text))]
                self.assertEqual(found, lines)

    def test_includes_point_one_way(self):
        self.check(lint_rules.include_direction, [
            ("src/http/a.cpp", '#include "net/tcp.hpp"\n', []),
            ("src/http/a.cpp", '#include "http/b.hpp"\n', []),
            ("src/serve/a.cpp", '#include "http/b.hpp"\n#include "term/b.hpp"\n', []),
            ("src/net/a.cpp", '\n#include "http/b.hpp"\n', [2]),
            ("src/uring/a.cpp", '#include "loop/b.hpp"\n', [1]),
            ("src/serve/a.cpp", '#include "fetch/b.hpp"\n', [1]),
            ("src/load/a.cpp", '#include "serve/b.hpp"\n', [1]),
            ("src/http/a.cpp", '#include "term/b.hpp"\n', [1]),
            ("src/http/a.cpp", '#include "b.hpp"\n', [1]),
            ("src/http/a.cpp", "#include <spate/fd.hpp>\n#include <vector>\n", []),
            ("tools/a.cpp", '#include "serve/b.hpp"\n#include "fetch/b.hpp"\n', []),
        ])

    def test_public_headers_include_only_public_headers(self):
        self.check(lint_rules.include_direction, [
            ("include/spate/a.hpp", "#include <spate/fd.hpp>\n", []),
            ("include/spate/a.hpp", '#include "uring/ring.hpp"\n', [1]),
            ("examples/a.cpp", '#include "net/tcp.hpp"\n', [1]),
        ])

    def test_only_the_lowest_room_knows_liburing(self):
        self.check(lint_rules.include_direction, [
            ("src/uring/a.cpp", "#include <liburing.h>\n", []),
            ("tests/kernel/a.cpp", "#include <liburing.h>\n", []),
            ("src/loop/a.cpp", "#include <liburing.h>\n", [1]),
            ("include/spate/a.hpp", "  #  include <liburing.h>\n", [1]),
            ("tools/a.cpp", "#include <liburing/io_uring.h>\n", [1]),
        ])

    def test_operands_of_co_await_are_calls_on_named_objects(self):
        path = "src/net/a.cpp"
        body = "Task<void> f() {{\n    {}\n}}\n"
        fine = [
            "co_await g(a, std::move(b));",
            "if (auto got = co_await stream.receive(); !got) { h(Agg{1}); }",
            "loop.spawn([](A& a) -> Task<void> { co_await a.b(); }(a));",
            "while (x()) co_await y();",
            "if (x) co_await y(); else { co_await z(); }",
            "auto c = x ? 1 : 2; co_await y(c);",
            "co_await sends[1].f(a [2]);",
            "co_await read_at(~std::uint64_t{0});",
            'co_await send("{?[");',
            "// co_await Agg{1};",
        ]
        wrong = [
            "co_await Agg{1};",
            "co_await f({.a = x});",
            "auto x = co_await f([&] { return 1; });",
            "co_await (c ? f() : g());",
            "auto x = c ? co_await a() : T();",
            "Agg a{co_await x(), 1};",
            "auto a = Agg{co_await x()};",
            "co_await f(\n        g{2});",
            "if (!co_await x()) co_return;",
            "while (co_await more()) { x[1] = 2; }",
            "if (a() && co_await x()) co_return;",
        ]
        self.check(lint_rules.co_await_operands,
                   [(path, body.format(line), []) for line in fine] +
                   [(path, body.format(line), [2]) for line in wrong])

    def test_files_and_lines_have_a_limit(self):
        self.check(lint_rules.lengths, [
            ("src/a.cpp", "x\n" * 500, []),
            ("src/a.cpp", "x\n" * 501, [501]),
            ("src/a.cpp", "é" * 100 + "\n", []),
            ("tests/a.py", "\n" + "x" * 101 + "\n", [2]),
        ])

    def test_functions_have_a_limit(self):
        def function(head, lines):
            return head + " {\n" + "    x();\n" * (lines - 2) + "}\n"

        block = "    if (a) {\n        x();\n    }\n"
        self.check(lint_rules.function_length, [
            ("src/a.cpp", function("void f()", 60), []),
            ("src/a.cpp", function("void f()", 61), [1]),
            ("src/a.cpp", "namespace a {\n" + function("A::A(int b) : b_(b)", 61) + "}\n", [2]),
            ("src/a.cpp", function("template <class T>\nT f() const", 61), [2]),
            ("src/a.cpp", "class A {\n" + function("int f() const", 61) + "};\n", [2]),
            ("src/a.cpp", function("TEST(A, B)", 61), [1]),
            ("src/a.cpp", function("class A", 99), []),
            ("src/a.cpp", function("struct A : B<1>", 99), []),
            ("src/a.cpp", "void f() {\n" + block * 20 + "}\n", [1]),
            ("src/a.cpp", "void f() { g('{', \"{\"); /* { */ }\n" + function("void g()", 60), []),
        ])

    def test_tests_do_not_sleep(self):
        nap = "sleep"  # Spelled apart, or this file would break its own rule.
        self.check(lint_rules.sleeping_tests, [
            ("tests/unit/a.cpp", f"\nstd::this_thread::{nap}_for(1ms);\n", [2]),
            ("tests/unit/a.cpp", f"u{nap}(10);\n", [1]),
            ("tests/cli/a.py", f"time.{nap}(1)\n", [1]),
            ("tests/cli/spate_cli.py", f"time.{nap}(1)\n", []),
            ("tests/unit/a.cpp", f"u{nap}(10);  // Slow on purpose.\n", []),
            ("tests/unit/a.cpp", "co_await loop.sleep_for(1ms);\n", []),
            ("bench/a.py", f"time.{nap}(1)\n", []),
        ])

    def test_headers_say_what_they_are_for(self):
        self.check(lint_rules.header_shape, [
            ("src/a.hpp", "// Dates.\n#pragma once\n", []),
            ("src/a.hpp", "\n#pragma once\n", [1]),
            ("src/a.hpp", "// Dates.\n", [1]),
            ("src/a.cpp", "int a;\n", []),
        ])

    def test_names_say_what_a_thing_is(self):
        self.check(lint_rules.empty_names, [
            ("src/a.cpp", "class BufferManager {};\n", [1]),
            ("src/a.cpp", "namespace StringUtil {}\n", [1]),
            ("src/a.cpp", "// no Manager here\n", []),
        ])

    def test_prints_do_not_throw(self):
        self.check(lint_rules.throwing_prints, [
            ("tools/a.cpp", '\nfmt::print(stderr, "");\n', [2]),
            ("src/a.cpp", 'std::println("");\n', [1]),
            ("src/a.cpp", 'term::print(stderr, "");\n', []),
            ("tests/unit/a.cpp", 'fmt::print("");\n', []),
        ])

    def test_the_tree_follows_the_rules(self):
        for path in lint_rules.project_files():
            source = lint_rules.Source(path.relative_to(ROOT).as_posix(), path.read_text())
            with self.subTest(path=source.path):
                self.assertEqual(list(lint_rules.complaints(source)), [])


if __name__ == "__main__":
    tap.main()
