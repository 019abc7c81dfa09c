#include "serve/name_protocol.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace spate::serve {
namespace {

using State = NameCollector::State;
using namespace std::string_view_literals;

const std::string longest(NameCollector::max_bytes, 'x');

struct Case {
    std::vector<std::string> pieces;  ///< As they arrive.
    bool end;                         ///< Half-close or quiet after the last.
    State want;
    std::string name;
};

void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        SCOPED_TRACE(::testing::PrintToString(c.pieces).substr(0, 100));
        NameCollector collector;
        for (const std::string& piece : c.pieces)
            collector.add(piece);
        if (c.end) collector.end();
        EXPECT_EQ(collector.state(), c.want);
        if (c.want == State::complete) EXPECT_EQ(collector.name(), c.name);
    }
}

TEST(NameCollectorTest, ALineFeedEndsTheName) {
    check({
        {{"a.txt\n"}, false, State::complete, "a.txt"},
        {{"a.txt\r\n"}, false, State::complete, "a.txt"},
        {{"a", ".t", "xt", "\n"}, false, State::complete, "a.txt"},
        {{"a.txt\r", "\n"}, false, State::complete, "a.txt"},
        {{"a.txt\nb.txt\n"}, false, State::complete, "a.txt"},
        {{"a.txt\n", "more"}, true, State::complete, "a.txt"},
        {{"a\r\r\n"}, false, State::complete, "a\r"},
    });
}

TEST(NameCollectorTest, SilenceOrHalfCloseEndsTheName) {
    check({
        {{"a.txt"}, true, State::complete, "a.txt"},
        {{"a", ".txt"}, true, State::complete, "a.txt"},
        {{"a\r"}, true, State::complete, "a\r"},
        {{" a "}, true, State::complete, " a "},
        {{"\xe6\x8e\xa5\xe6\x94\xb6"}, true, State::complete, "\xe6\x8e\xa5\xe6\x94\xb6"},
        {{"a.txt"}, false, State::collecting, ""},
        {{}, false, State::collecting, ""},
    });
}

TEST(NameCollectorTest, NothingIsNoName) {
    check({
        {{}, true, State::missing, ""},
        {{""}, true, State::missing, ""},
        {{"\n"}, false, State::missing, ""},
        {{"\r\n"}, false, State::missing, ""},
        {{"\n", "a.txt\n"}, true, State::missing, ""},
    });
}

TEST(NameCollectorTest, TheLineEndIsNotPartOfTheLimit) {
    check({
        {{longest}, true, State::complete, longest},
        {{longest + "\n"}, false, State::complete, longest},
        {{longest + "\r\n"}, false, State::complete, longest},
        {{longest + "\r", "\n"}, false, State::complete, longest},
        {{longest + "x"}, false, State::too_long, ""},
        {{longest + "x\n"}, false, State::too_long, ""},
        {{longest, "x"}, false, State::too_long, ""},
        {{longest + "\r"}, true, State::too_long, ""},
        {{longest + "\r", "x"}, false, State::too_long, ""},
        {{longest + "\r\r\n"}, false, State::too_long, ""},
        {{longest + longest + longest}, false, State::too_long, ""},
    });
}

TEST(PathOfNameTest, FollowsTheRulesForTargetsWithoutDecoding) {
    struct PathCase {
        std::string_view name;
        std::optional<std::string> want;
    };
    const std::vector<PathCase> cases{
        {"a.txt", "a.txt"},
        {"dir/a.txt", "dir/a.txt"},
        {"/a.txt", "a.txt"},
        {"//dir//a.txt", "dir/a.txt"},
        {"./a.txt", "a.txt"},
        {"dir/../a.txt", "a.txt"},
        {"%41", "%41"},
        {"%2e%2e/a", "%2e%2e/a"},
        {"100%", "100%"},
        {"a?b#c", "a?b#c"},
        {"a b", "a b"},
        {"..\\a", "..\\a"},
        {"...", "..."},
        {"\xff\x01", "\xff\x01"},
        {".hidden", ".hidden"},
        {"../a.txt", std::nullopt},
        {"/../a.txt", std::nullopt},
        {"dir/../../a", std::nullopt},
        {"", std::nullopt},
        {"/", std::nullopt},
        {".", std::nullopt},
        {"..", std::nullopt},
        {"dir/", std::nullopt},
        {"dir/.", std::nullopt},
        {"dir/..", std::nullopt},
        {"a\0b"sv, std::nullopt},
    };
    for (const PathCase& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(path_of_name(c.name), c.want);
    }
}

}  // namespace
}  // namespace spate::serve
