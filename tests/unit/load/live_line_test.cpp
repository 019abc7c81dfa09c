#include "load/live_line.hpp"

#include <gtest/gtest.h>

namespace spate::load {
namespace {

LiveState sample() {
    return {.last = {.start_ns = 2'000'000'000,
                     .length_ns = 1'000'000'000,
                     .ok = 49'998,
                     .p50 = 182'000,
                     .p99 = 410'000,
                     .bytes_in = 183'000'000},
            .duration = std::chrono::seconds(10)};
}

std::string line(const LiveState& state, std::size_t width) {
    return live_line(state, {.width = width});
}

TEST(LiveLineTest, SaysHowTheRunGoes) {
    EXPECT_EQ(line(sample(), 100),
              " 3.0 of 10 s      49,998/s   p50 182us  p99 410us   errors 0   174.5 MiB/s");
}

TEST(LiveLineTest, LeavesOutWhatDoesNotFit) {
    EXPECT_EQ(line(sample(), 70), " 3.0 of 10 s      49,998/s   p50 182us  p99 410us   errors 0");
    EXPECT_EQ(line(sample(), 50), " 3.0 of 10 s      49,998/s   errors 0");
    EXPECT_EQ(line(sample(), 30), " 3.0 of 10 s   errors 0");
    EXPECT_EQ(line(sample(), 12), " 3.0 of 10 s");
    EXPECT_EQ(line(sample(), 5), " 3.0 ");
}

TEST(LiveLineTest, SpeaksOfTheWarmUp) {
    LiveState state = sample();
    state.last.start_ns = -2'000'000'000;
    EXPECT_TRUE(line(state, 100).starts_with("warm-up 1.0 s   ")) << line(state, 100);
}

TEST(LiveLineTest, ARunByCountHasNoEnd) {
    LiveState state = sample();
    state.duration = {};
    EXPECT_TRUE(line(state, 100).starts_with("3.0 s   ")) << line(state, 100);
}

TEST(LiveLineTest, AnIntervalWithoutAnswersHasDashes) {
    LiveState state = sample();
    state.last = {.start_ns = 0, .length_ns = 1'000'000'000};
    state.bits = true;
    EXPECT_EQ(line(state, 100),
              " 1.0 of 10 s           0/s   p50 -      p99 -       errors 0   0 bit/s");
}

TEST(LiveLineTest, ErrorsAreRed) {
    LiveState state = sample();
    state.errors = 12;
    EXPECT_NE(live_line(state, {.colour = true}).find("\x1b[31merrors 12\x1b[0m"),
              std::string::npos);
}

}  // namespace
}  // namespace spate::load
