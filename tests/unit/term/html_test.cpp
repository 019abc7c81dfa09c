#include "term/html.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spate::term {
namespace {

TEST(HtmlTest, TextIsTextAndNothingElse) {
    struct Case {
        std::string bytes;
        std::string markup;
    };
    const std::vector<Case> cases{
        {"plain", "plain"},
        {"<b>&\"'", "&lt;b&gt;&amp;&quot;'"},
        {"&amp;", "&amp;amp;"},
        {"new\nline", "new\u240aline"},
        {"\x1b[2J\x7f", "\u241b[2J\u2421"},
        {"bad\xff", "bad\uFFFD"},
        {"\xe2\x82<", "\uFFFD&lt;"},
        {"\xe2", "\uFFFD"},
        {"a\u202egpj.exe", "a\uFFFDgpj.exe"},
        {"a\u2066b\u2069", "a\uFFFDb\uFFFD"},
        {"\u20ac \u2026", "\u20ac \u2026"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.markup);
        EXPECT_EQ(html(c.bytes), c.markup);
    }
}

}  // namespace
}  // namespace spate::term
