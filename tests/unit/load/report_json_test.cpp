#include "load/report_json.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sample_report.hpp"

namespace spate::load {
namespace {

using Json = nlohmann::json;

TEST(ReportJsonTest, ComesBackAsItWas) {
    for (const Report& report : {sample_report(), sample_closed_report(), sample_datagram_report(),
                                 sample_stream_report(), Report{}}) {
        SCOPED_TRACE(report.plan.kind);
        std::string text = to_json(report);
        const auto back = report_from_json(text);
        ASSERT_TRUE(back.has_value()) << back.error();
        EXPECT_EQ(to_json(*back), text);
        EXPECT_EQ(back->latency, report.latency);
        EXPECT_EQ(back->send_lag, report.send_lag);
        EXPECT_EQ(back->run.argv, report.run.argv);
        EXPECT_EQ(back->totals.in_flight, report.totals.in_flight);
        EXPECT_EQ(back->intervals.size(), report.intervals.size());
        EXPECT_EQ(back->server.has_value(), report.server.has_value());
    }
}

TEST(ReportJsonTest, HasTheKeysOfTheSpecification) {
    const Json json = Json::parse(to_json(sample_report()));
    EXPECT_EQ(json["schema"], "spate.load/1");
    for (const char* pointer :
         {"/run/tool",           "/run/version",       "/run/argv/0",
          "/run/started",        "/run/host/kernel",   "/run/host/cpu",
          "/run/host/ncpu",      "/plan/model",        "/plan/rate",
          "/plan/conns",         "/plan/threads",      "/plan/pipeline",
          "/plan/duration_ns",   "/plan/warmup_ns",    "/plan/seed",
          "/plan/targets/0",     "/totals/planned",    "/totals/sent",
          "/totals/ok",          "/totals/http_error", "/totals/net_error",
          "/totals/timeout",     "/totals/in_flight",  "/totals/shed",
          "/totals/bytes_in",    "/totals/bytes_out",  "/rate/target",
          "/rate/sent",          "/rate/answered",     "/latency/count",
          "/latency/min",        "/latency/mean",      "/latency/stdev",
          "/latency/p50",        "/latency/p75",       "/latency/p90",
          "/latency/p95",        "/latency/p99",       "/latency/p999",
          "/latency/p9999",      "/latency/max",       "/latency/hdr",
          "/service/p99",        "/send_lag/p99",      "/connect/count",
          "/ttfb/count",         "/by_status/200",     "/errors/0/class",
          "/errors/0/count",     "/errors/0/first_ns", "/errors/0/last_ns",
          "/errors/0/sample",    "/conns/opened",      "/conns/used",
          "/conns/reconnects",   "/intervals/0/t_ns",  "/intervals/0/planned",
          "/intervals/0/sent",   "/intervals/0/ok",    "/intervals/0/err",
          "/intervals/0/p50",    "/intervals/0/p99",   "/intervals/0/max",
          "/cpu/client/user_ns", "/cpu/client/sys_ns", "/cpu/client/per_req_ns",
          "/cpu/server/user_ns", "/machine/steal",     "/machine/pressure",
          "/warnings/0/code",    "/warnings/0/text",   "/slo/0/expr",
          "/slo/0/value",        "/slo/0/ok"}) {
        EXPECT_TRUE(json.contains(Json::json_pointer(pointer))) << pointer;
    }
    EXPECT_TRUE(json["latency"]["p50"].is_number_unsigned());
    EXPECT_TRUE(json["latency"]["mean"].is_number_integer());
    EXPECT_TRUE(json["connect"]["p999"].is_null()) << "73 samples have no p99.9";
}

TEST(ReportJsonTest, DatagramsHaveTheirKeys) {
    const Json udp = Json::parse(to_json(sample_datagram_report()))["udp"];
    EXPECT_EQ(udp["lost"], 1'000);
    EXPECT_EQ(udp["jitter_ns"], 1'234);
    EXPECT_EQ(udp["loss_split"]["receiver_buffer"], 880);
}

TEST(ReportJsonTest, NoNumberIsLost) {
    Report report;
    report.plan.seed = std::numeric_limits<std::uint64_t>::max();
    report.totals.bytes_in = std::numeric_limits<std::uint64_t>::max();
    report.run.started_ns = std::numeric_limits<std::int64_t>::max();
    report.plan.rate = std::numeric_limits<double>::infinity();  // which JSON does not have
    const auto back = report_from_json(to_json(report));
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_EQ(back->plan.seed, report.plan.seed);
    EXPECT_EQ(back->totals.bytes_in, report.totals.bytes_in);
    EXPECT_EQ(back->run.started_ns, report.run.started_ns);
    EXPECT_EQ(back->plan.rate, 0);
}

TEST(ReportJsonTest, KeysOfLaterVersionsArePassedOver) {
    Json json = Json::parse(to_json(sample_stream_report()));
    json["novelty"] = {{"a", 1}};
    json["totals"]["novelty"] = "x";
    EXPECT_TRUE(report_from_json(json.dump()).has_value());
}

TEST(ReportJsonTest, KeysThatCameLaterMayBeMissing) {
    Json json = Json::parse(to_json(sample_stream_report()));
    json.erase("elapsed_ns");
    json.erase("failed");
    json.erase("merged_from");
    json["plan"].erase("kind");
    json["conns"].erase("most_requests");
    const auto report = report_from_json(json.dump());
    ASSERT_TRUE(report.has_value()) << report.error();
    EXPECT_EQ(report->plan.kind, "http");
    EXPECT_EQ(report->elapsed, report->plan.duration);
}

TEST(ReportJsonTest, WhatIsWrongIsNamed) {
    struct Case {
        std::string pointer;
        Json value;
        std::string error;
    };
    const std::vector<Case> cases{
        {"/schema", "k6/2", "is of the schema 'k6/2', not spate.load/1"},
        {"/schema", 7, "schema is no text"},
        {"/totals", 7, "totals is no object"},
        {"/totals/planned", -1, "totals.planned is no whole number from 0, or too large"},
        {"/totals/planned", 1.5, "totals.planned is no whole number from 0, or too large"},
        {"/plan/conns", 4294967296, "plan.conns is no whole number from 0, or too large"},
        {"/plan/model", "open", "plan.model is none of closed, const and poisson"},
        {"/plan/targets", Json::array({"a", 1}), "plan.targets is no text"},
        {"/run/host/ncpu", "8", "run.host.ncpu is no whole number from 0, or too large"},
        {"/run/started", 18446744073709551615U, "run.started is no whole number, or too large"},
        {"/errors/1/class", "fire", "errors[1].class is 'fire', which is no class"},
        {"/intervals/3/p50", "x", "intervals[3].p50 is no whole number from 0, or too large"},
        {"/intervals", Json::object(), "intervals is no list"},
        {"/by_status/20x", 1, "by_status.20x is no status"},
        {"/cpu/client/kept_up", 1, "cpu.client.kept_up is neither true nor false"},
        {"/machine/steal", "a lot", "machine.steal is no number"},
    };
    const Json whole = Json::parse(to_json(sample_report()));
    for (const Case& c : cases) {
        SCOPED_TRACE(c.pointer);
        Json json = whole;
        json[Json::json_pointer(c.pointer)] = c.value;
        const auto report = report_from_json(json.dump());
        ASSERT_FALSE(report.has_value());
        EXPECT_EQ(report.error(), c.error);
    }
}

TEST(ReportJsonTest, WhatIsMissingIsNamed) {
    Json json = Json::parse(to_json(sample_report()));
    json["latency"].erase("hdr");
    EXPECT_EQ(report_from_json(json.dump()).error(), "latency.hdr is missing");
    EXPECT_EQ(report_from_json("{}").error(), "schema is missing");
    EXPECT_EQ(report_from_json("[]").error(), "it is no object");
    EXPECT_EQ(report_from_json("").error(), "is not JSON, or only a part of it");
    EXPECT_EQ(report_from_json("{\"schema\":").error(), "is not JSON, or only a part of it");
}

TEST(ReportJsonTest, AHistogramThatCannotBeReadIsNamed) {
    Json json = Json::parse(to_json(sample_report()));
    json["service"]["hdr"] = "HISTFAAAA!";
    const auto report = report_from_json(json.dump());
    ASSERT_FALSE(report.has_value());
    EXPECT_TRUE(report.error().starts_with("service.hdr cannot be read: ")) << report.error();
}

TEST(ReportJsonTest, AStreamIsALineForEachInterval) {
    const Report report = sample_report();
    const std::string line = to_json_line(report.intervals[4]);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(Json::parse(line)["type"], "interval");
    EXPECT_EQ(Json::parse(line)["t_ns"], 4'000'000'000);
}

TEST(ReportJsonTest, TheLastLineOfAStreamIsTheReport) {
    const Report report = sample_report();
    const std::string line = to_json_line(report);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(Json::parse(line)["type"], "report");
    const auto back = report_from_json(line);
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_EQ(to_json(*back), to_json(report));
}

}  // namespace
}  // namespace spate::load
