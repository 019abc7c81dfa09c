#include "term/screen.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>

#include <string>
#include <vector>

#include <spate/fd.hpp>

namespace spate::term {
namespace {

TEST(ScreenTest, ColourNeedsATerminalAndNoRefusal) {
    EXPECT_TRUE(wants_colour(true, nullptr, "xterm-256color"));
    EXPECT_TRUE(wants_colour(true, "", "xterm"));  // empty is not set, says no-color.org
    EXPECT_FALSE(wants_colour(true, "1", "xterm"));
    EXPECT_FALSE(wants_colour(true, nullptr, "dumb"));
    EXPECT_FALSE(wants_colour(true, nullptr, nullptr));
    EXPECT_FALSE(wants_colour(false, nullptr, "xterm"));
}

TEST(ScreenTest, FirstLocaleVariableDecides) {
    EXPECT_TRUE(speaks_utf8(nullptr, nullptr, "en_GB.UTF-8"));
    EXPECT_TRUE(speaks_utf8(nullptr, "C.utf8", "C"));
    EXPECT_FALSE(speaks_utf8("C", "C.utf8", "en_GB.UTF-8"));
    EXPECT_TRUE(speaks_utf8("", nullptr, "de_DE.utf8"));
    EXPECT_FALSE(speaks_utf8(nullptr, nullptr, nullptr));
    EXPECT_FALSE(speaks_utf8(nullptr, nullptr, "de_DE.ISO-8859-1"));
}

TEST(ScreenTest, APipeIsNoTerminal) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd reader(ends[0]);
    const Fd writer(ends[1]);
    const Screen screen = probe_screen(writer.get());
    EXPECT_FALSE(screen.terminal);
    EXPECT_FALSE(screen.colour);
    EXPECT_EQ(screen.width, 79U);
}

TEST(ScreenTest, LinesLeaveTheLastCellOfATerminalFree) {
    int controller = -1;
    int terminal = -1;
    winsize size{.ws_row = 24, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(::openpty(&controller, &terminal, nullptr, nullptr, &size), 0);
    const Fd controller_owner(controller);
    const Fd terminal_owner(terminal);
    const Screen screen = probe_screen(terminal);
    EXPECT_TRUE(screen.terminal);
    EXPECT_EQ(screen.width, 131U);
}

TEST(ScreenTest, PaintingWithoutColourChangesNothing) {
    EXPECT_EQ(painted("done", Style::green, false), "done");
    EXPECT_EQ(painted("done", Style::green, true), "\x1b[32mdone\x1b[0m");
}

TEST(LiveLinesTest, RedrawsInPlace) {
    LiveLines live;
    const std::vector<std::string> two{"one", "two"};
    const std::vector<std::string> one{"last"};
    EXPECT_EQ(live.redraw(two), "one\x1b[K\ntwo\x1b[K\n");
    EXPECT_EQ(live.redraw(two), "\r\x1b[2Aone\x1b[K\ntwo\x1b[K\n");
    EXPECT_EQ(live.redraw(one), "\r\x1b[2Alast\x1b[K\n\x1b[J");
    EXPECT_EQ(live.clear(), "\r\x1b[1A\x1b[J");
    EXPECT_EQ(live.clear(), "");
}

TEST(LiveLinesTest, PrintsAboveAndDrawsAgain) {
    LiveLines live;
    const std::vector<std::string> lines{"live"};
    EXPECT_EQ(live.print_above("said", lines), "said\nlive\x1b[K\n");
    EXPECT_EQ(live.print_above("more\n", lines), "\r\x1b[1A\x1b[Jmore\nlive\x1b[K\n");
}

}  // namespace
}  // namespace spate::term
