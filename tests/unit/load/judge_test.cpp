#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "load/run.hpp"

namespace spate::load {
namespace {

// One that there is nothing to say about.
Report sound_report() {
    Report report;
    report.plan.model = Model::constant;
    report.totals = {.planned = 1000,
                     .sent = 1000,
                     .ok = 990,
                     .http_error = 4,
                     .net_error = 3,
                     .timeout = 2,
                     .in_flight = 1};
    report.client.busiest_thread = 0.5;
    report.latency.record(1'000'000, 990);
    return report;
}

struct Case {
    const char* name;
    std::function<void(Report&)> change;
    std::vector<std::string> codes;
    bool kept_up = true;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"sound", [](Report&) {}, {}},
        {"as busy as may be", [](Report& r) { r.client.busiest_thread = 0.9; }, {}},
        {"busy", [](Report& r) { r.client.busiest_thread = 0.91; }, {"client_busy"}, false},
        {"as many late as may be", [](Report& r) { r.client.late = 10; }, {}},
        {"late", [](Report& r) { r.client.late = 11; }, {"client_late"}, false},
        {"as few sent as may be", [](Report& r) { r.totals.sent = 995; }, {}},
        {"too few sent", [](Report& r) { r.totals.sent = 994; }, {"rate_missed"}},
        {"too few in a closed loop",
         [](Report& r) {
             r.totals.sent = 100;
             r.plan.model = Model::closed;
         },
         {}},
        {"too few with random gaps",
         [](Report& r) {
             r.totals.sent = 100;
             r.plan.model = Model::poisson;
         },
         {"rate_missed"}},
        {"nothing planned", [](Report& r) { r.totals = {}; }, {}},
        {"busy, and too few sent",
         [](Report& r) {
             r.client.busiest_thread = 1;
             r.totals.sent = 500;
         },
         {"client_busy", "rate_missed"},
         false},
        {"as much stolen as may be", [](Report& r) { r.machine.steal = 0.05; }, {}},
        {"stolen", [](Report& r) { r.machine.steal = 0.06; }, {"steal"}},
        {"one too many accounted for", [](Report& r) { ++r.totals.ok; }, {"unaccounted"}},
        {"one too few accounted for", [](Report& r) { --r.totals.in_flight; }, {"unaccounted"}},
        {"shed",
         [](Report& r) {
             r.totals.planned += 2;
             r.totals.shed = 2;
         },
         {}},
        {"ended early", [](Report& r) { r.cut_short = true; }, {"cut_short"}},
        {"an hour", [](Report& r) { r.latency.record(Histogram::highest); }, {}},
        {"over an hour",
         [](Report& r) { r.latency.record(Histogram::highest + 1); },
         {"saturated"}},
    };
    return all;
}

TEST(JudgeTest, EachWarningAppearsWhenItShouldAndAlone) {
    for (const Case& c : cases()) {
        SCOPED_TRACE(c.name);
        Report report = sound_report();
        c.change(report);
        judge(report);
        std::vector<std::string> codes;
        for (const WarningInfo& warning : report.warnings) {
            codes.push_back(warning.code);
            EXPECT_NE(warning.text, "");
            EXPECT_EQ(warning.text.find('\n'), std::string::npos);
        }
        EXPECT_EQ(codes, c.codes);
        EXPECT_EQ(report.client.kept_up, c.kept_up);
    }
}

TEST(JudgeTest, ARateThatWasMissedNamesTheLimit) {
    Report report = sound_report();
    report.totals.sent = 500;
    judge(report);
    ASSERT_EQ(report.warnings.size(), 1U);
    EXPECT_NE(report.warnings[0].text.find("50.0 % of the planned"), std::string::npos);
    EXPECT_NE(report.warnings[0].text.find("the server was the limit"), std::string::npos);

    report = sound_report();
    report.totals.sent = 500;
    report.client.busiest_thread = 0.97;
    judge(report);
    ASSERT_EQ(report.warnings.size(), 2U);
    EXPECT_NE(report.warnings[0].text.find("97 % busy"), std::string::npos);
    EXPECT_NE(report.warnings[1].text.find("the client was the limit"), std::string::npos);

    // Of datagrams the kernel tells whether there was room.
    for (const std::uint64_t no_room : {0U, 500U}) {
        report = sound_report();
        report.totals.sent = 500;
        report.datagrams = DatagramInfo{.lost_sender = no_room};
        judge(report);
        ASSERT_EQ(report.warnings.size(), 1U);
        const char* limit = no_room != 0 ? "no room" : "the client was the limit";
        EXPECT_NE(report.warnings[0].text.find(limit), std::string::npos);
        EXPECT_EQ(report.client.kept_up, no_room != 0);
    }
}

}  // namespace
}  // namespace spate::load
