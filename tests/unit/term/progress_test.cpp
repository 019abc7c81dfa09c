#include "term/progress.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "term/utf8.hpp"

namespace spate::term {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mib = 1024 * 1024;

Screen plain_screen(std::size_t width) {
    return {.terminal = true, .width = width};
}
Screen utf8_screen(std::size_t width) {
    return {.terminal = true, .utf8 = true, .width = width};
}

ProgressState halfway() {
    return {.name = "debian.iso",
            .done_bytes = 50 * mib,
            .total_bytes = 100 * mib,
            .bytes_per_s = 10 * mib,
            .elapsed = 5s};
}

TEST(ProgressTest, LineHasNameBarAndNumbers) {
    EXPECT_EQ(render_progress(halfway(), plain_screen(79)),
              "debian.iso  [=========          ]   50%    50.0 MiB    10.0 MiB/s      5 s left");
    EXPECT_EQ(render_progress(halfway(), utf8_screen(79)),
              "debian.iso  ━━━━━━━━━━╸──────────   50%    50.0 MiB    10.0 MiB/s      5 s left");
}

TEST(ProgressTest, NarrowScreensDropFieldsInOrder) {
    struct Case {
        std::size_t width;
        std::string line;
    };
    const std::vector<Case> cases{
        {62, "debian.iso   50%    50.0 MiB    10.0 MiB/s      5 s left"},
        {50, "debian.iso   50%    10.0 MiB/s      5 s left"},
        {40, "debian.iso   50%    10.0 MiB/s"},
        {20, "debian.iso   50%"},
        {12, "de...o   50%"},
        {6, "   50%"},
        {4, "deso"},
        {0, ""},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.width);
        EXPECT_EQ(render_progress(halfway(), plain_screen(c.width)), c.line);
    }
}

TEST(ProgressTest, NoLineIsWiderThanTheScreen) {
    std::vector<ProgressState> states(5, halfway());
    states[0].name = "a very long name of a \u6f22\u5b57 file that never ends, really.tar.gz";
    states[1].name = "hostile\x1b[2J\n\xff";
    states[2].total_bytes.reset();
    states[3].note = "retrying in 3 s, for the fourth time, as the server is overloaded";
    states[4].finished = true;
    for (const ProgressState& state : states) {
        for (std::size_t width = 0; width < 200; ++width) {
            SCOPED_TRACE(std::string(state.name) + " in " + std::to_string(width));
            EXPECT_LE(columns(render_progress(state, utf8_screen(width))), width);
            EXPECT_LE(columns(render_progress(state, plain_screen(width))), width);
        }
    }
}

TEST(ProgressTest, NumbersKeepTheirColumns) {
    ProgressState early = halfway();
    early.done_bytes = 3;
    early.bytes_per_s = 0.5;
    ProgressState late = halfway();
    late.done_bytes = 100 * mib;
    late.bytes_per_s = 1023 * mib;
    EXPECT_EQ(columns(render_progress(early, utf8_screen(100))),
              columns(render_progress(late, utf8_screen(100))));
}

TEST(ProgressTest, HundredPercentIsSaidOnlyOfTheWhole) {
    ProgressState state = halfway();
    state.done_bytes = *state.total_bytes - 1;
    EXPECT_NE(render_progress(state, plain_screen(79)).find(" 99%"), std::string::npos);
    state.done_bytes = *state.total_bytes;
    EXPECT_NE(render_progress(state, plain_screen(79)).find("100%"), std::string::npos);
}

TEST(ProgressTest, UnknownTotalShowsNoPercentage) {
    ProgressState state = halfway();
    state.total_bytes.reset();
    const std::string line = render_progress(state, plain_screen(79));
    EXPECT_EQ(line.find('%'), std::string::npos);
    EXPECT_NE(line.find("50.0 MiB"), std::string::npos);
    EXPECT_NE(line.find("5.0 s"), std::string::npos);
}

TEST(ProgressTest, FinishedShowsTheTimeItTook) {
    ProgressState state = halfway();
    state.done_bytes = 100 * mib;
    state.bytes_per_s = 25 * mib;
    state.elapsed = 4s;
    state.finished = true;
    const std::string line = render_progress(state, plain_screen(79));
    EXPECT_NE(line.find("25.0 MiB/s         4.0 s"), std::string::npos) << line;
}

TEST(ProgressTest, EmptyFileIsWholeWhenFinished) {
    const ProgressState state{.name = "empty", .total_bytes = 0, .finished = true};
    EXPECT_NE(render_progress(state, plain_screen(79)).find("100%"), std::string::npos);
}

TEST(ProgressTest, NoteStandsInForRateAndTime) {
    ProgressState state = halfway();
    state.note = "retrying in 3 s";
    const std::string line = render_progress(state, plain_screen(79));
    EXPECT_NE(line.find("50.0 MiB  retrying in 3 s"), std::string::npos) << line;
    EXPECT_EQ(line.find("MiB/s"), std::string::npos);
}

TEST(ProgressTest, ALongNoteHasTheBarsPlaceAsWell) {
    ProgressState state = halfway();
    state.note = "cannot connect to 127.0.0.1:8080: Connection refused, again in 3.0 s";
    EXPECT_EQ(render_progress(state, plain_screen(120)),
              "debian.iso   50%    50.0 MiB  "
              "cannot connect to 127.0.0.1:8080: Connection refused, again in 3.0 s");
    EXPECT_EQ(render_progress(state, plain_screen(79)),
              "debian.iso   50%    50.0 MiB  cannot connect to 127.0...refused, again in 3.0 s");
}

TEST(ProgressTest, ColourWrapsTheBarAlone) {
    Screen screen = utf8_screen(79);
    screen.colour = true;
    EXPECT_NE(render_progress(halfway(), screen).find("╸\x1b[2m─"), std::string::npos);
}

TEST(ProgressTest, OneTransferHasNoSum) {
    const std::vector<ProgressState> one{halfway()};
    EXPECT_EQ(render_progress_lines(one, halfway(), plain_screen(79), 10).size(), 1U);
}

TEST(ProgressTest, SeveralTransfersLineUpAndEndInTheirSum) {
    ProgressState other = halfway();
    other.name = "b.iso";
    ProgressState sum = halfway();
    sum.name = "total";
    const std::vector<ProgressState> transfers{halfway(), other};
    const auto lines = render_progress_lines(transfers, sum, plain_screen(79), 10);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0].find('['), lines[1].find('['));
    EXPECT_EQ(lines[0].find('['), lines[2].find('['));
    EXPECT_TRUE(lines[2].starts_with("total "));
}

TEST(ProgressTest, TransfersThatDoNotFitAreCounted) {
    const std::vector<ProgressState> transfers(20, halfway());
    const auto lines = render_progress_lines(transfers, halfway(), plain_screen(79), 6);
    ASSERT_EQ(lines.size(), 6U);
    EXPECT_EQ(lines[4], "and 16 more");
    EXPECT_EQ(render_progress_lines(transfers, halfway(), plain_screen(79), 0).size(), 2U);
}

TEST(ProgressTest, PlainLinesReadAsSentences) {
    EXPECT_EQ(render_plain(halfway()),
              "debian.iso: 50 %, 50.0 MiB of 100.0 MiB, 10.0 MiB/s, 5 s left");
    ProgressState state = halfway();
    state.total_bytes.reset();
    EXPECT_EQ(render_plain(state), "debian.iso: 50.0 MiB, 10.0 MiB/s");
    state.note = "waiting";
    EXPECT_EQ(render_plain(state), "debian.iso: 50.0 MiB, waiting");
    ProgressState done = halfway();
    done.name = "two\nlines";
    done.finished = true;
    done.bytes_per_s = 5 * mib;
    done.elapsed = 10s;
    EXPECT_EQ(render_plain(done), "two\\nlines: 50.0 MiB in 10.0 s, 5.0 MiB/s");
}

}  // namespace
}  // namespace spate::term
