#include "serve/plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace spate::serve {
namespace {

constexpr std::int64_t modified = 1'400'000'000;
constexpr std::int64_t now = 1'700'000'000;

struct Case {
    const char* name;
    const char* request;  // the fields, after the request line
    int status;
    std::vector<http::Slice> slices;
};

FilePlan plan(const Case& example, const char* method = "GET", std::uint64_t size = 1000,
              bool young = false) {
    const std::string text =
        std::string(method) + " /f HTTP/1.1\r\nHost: h\r\n" + example.request + "\r\n";
    const auto parsed = http::parse_request(text);
    const auto* complete = std::get_if<http::Complete<http::Request>>(&parsed);
    EXPECT_NE(complete, nullptr) << text;
    if (complete == nullptr) return {0, {}};
    const http::Validators validators{young ? "W/\"tag\"" : "\"tag\"", young, modified};
    return plan_file(complete->message, validators, size, now);
}

void expect_plan(const FilePlan& got, const Case& example) {
    EXPECT_EQ(got.status, example.status);
    EXPECT_EQ(std::vector(got.slices.begin(), got.slices.end()), example.slices);
}

const std::vector<Case> cases = {
    {"nothing asked", "", 200, {}},
    {"one range", "Range: bytes=0-9\r\n", 206, {{0, 10}}},
    {"an open range", "Range: bytes=990-\r\n", 206, {{990, 10}}},
    {"a suffix", "Range: bytes=-5\r\n", 206, {{995, 5}}},
    {"a suffix longer than the file", "Range: bytes=-5000\r\n", 206, {{0, 1000}}},
    {"several", "Range: bytes=0-1,5-6\r\n", 206, {{0, 2}, {5, 2}}},
    {"overlapping ones are joined", "Range: bytes=0-9,5-19\r\n", 206, {{0, 20}}},
    {"beyond the end", "Range: bytes=1000-\r\n", 416, {}},
    {"another unit", "Range: lines=1-2\r\n", 200, {}},
    {"garbage", "Range: bytes=a-b\r\n", 200, {}},
    {"If-Range with the tag", "Range: bytes=0-9\r\nIf-Range: \"tag\"\r\n", 206, {{0, 10}}},
    {"If-Range with another tag", "Range: bytes=0-9\r\nIf-Range: \"old\"\r\n", 200, {}},
    {"a match wins over the range", "If-None-Match: \"tag\"\r\nRange: bytes=0-9\r\n", 304, {}},
    {"a failed precondition wins over all", "If-Match: \"x\"\r\nRange: bytes=5000-\r\n", 412, {}},
    {"unchanged since", "If-Modified-Since: Tue, 13 May 2014 16:53:20 GMT\r\n", 304, {}},
    {"a tag wins over the date",
     "If-None-Match: \"x\"\r\nIf-Modified-Since: Tue, 13 May 2014 16:53:20 GMT\r\n",
     200,
     {}},
};

TEST(PlanTest, ConditionsThenRanges) {
    for (const Case& example : cases) {
        SCOPED_TRACE(example.name);
        expect_plan(plan(example), example);
    }
}

TEST(PlanTest, RangesMeanNothingInAHead) {
    const Case example{"head", "Range: bytes=0-9\r\n", 200, {}};
    expect_plan(plan(example, "HEAD"), example);
}

TEST(PlanTest, AnEmptyFileIsSentWhole) {
    const Case example{"empty", "Range: bytes=0-\r\n", 200, {}};
    expect_plan(plan(example, "GET", 0), example);
}

TEST(PlanTest, AYoungFileHasNoRangeThatItsTagVouchesFor) {
    const Case example{"young", "Range: bytes=0-9\r\nIf-Range: W/\"tag\"\r\n", 200, {}};
    expect_plan(plan(example, "GET", 1000, true), example);
}

}  // namespace
}  // namespace spate::serve
