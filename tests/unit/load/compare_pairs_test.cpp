#include "load/compare_pairs.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace spate::load {
namespace {

RunFigures figures(double per_s, double latency_ns, double cpu_ns) {
    RunFigures run;
    run.per_s = per_s;
    run.p50_ns = latency_ns;
    run.p99_ns = 2 * latency_ns;
    run.client_cpu_ns = cpu_ns;
    run.server_cpu_ns = 2 * cpu_ns;
    return run;
}

// Twelve rounds in which B answers twice what A does, in the same time, for the same work but a
// noise of a percent that goes both ways; the control's answers are `control` of A's.
std::vector<Round> twelve_rounds(double control = 1) {
    std::vector<Round> rounds;
    for (int i = 0; i < 12; ++i) {
        const double noise = i % 2 == 0 ? 1.01 : 0.99;
        Round round;
        round.a = figures(1000 * noise, 5e6, 4000 * noise);
        round.b = figures(2000, 5e6 * noise, 4000);
        round.control = figures(1000 / control, 5e6, 4000);
        rounds.push_back(round);
    }
    return rounds;
}

const FigureRatio* named(const std::vector<FigureRatio>& figures, std::string_view name) {
    for (const FigureRatio& figure : figures)
        if (figure.name == name) return &figure;
    return nullptr;
}

std::string row_of(const std::string& text, std::string_view name) {
    const auto begin = text.find(name);
    return begin == std::string::npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
}

TEST(ComparePairsTest, FiguresComeFromAReport) {
    Report report;
    report.elapsed = std::chrono::seconds(2);
    report.totals = {.planned = 1020, .ok = 990, .http_error = 10, .net_error = 15, .timeout = 5};
    for (std::uint64_t value = 1; value <= 1000; ++value)
        report.latency.record(value);
    report.client.cpu = {.user_ns = 3'000'000, .system_ns = 1'000'000};
    RunFigures run = figures_of(report);
    EXPECT_EQ(run.per_s, 500);
    EXPECT_EQ(run.p50_ns, 500);
    EXPECT_EQ(run.p99_ns, 990);
    EXPECT_EQ(run.client_cpu_ns, 4000);
    EXPECT_EQ(run.server_cpu_ns, std::nullopt);
    EXPECT_EQ(run.failed, 30U);
    report.server = CpuInfo{.user_ns = 500'000, .system_ns = 500'000};
    EXPECT_EQ(figures_of(report).server_cpu_ns, 1000);

    run = figures_of(Report());
    EXPECT_EQ(run.per_s, 0);
    EXPECT_EQ(run.p50_ns, std::nullopt);
    EXPECT_EQ(run.client_cpu_ns, std::nullopt) << "no work was done";
}

TEST(ComparePairsTest, RatiosAreTakenRoundByRound) {
    const auto all = compare_rounds(twelve_rounds()).figures;
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[0].name, "server CPU per answer") << "the steadiest first";
    const FigureRatio* both = named(all, "CPU of both per answer");
    ASSERT_NE(both, nullptr);
    EXPECT_EQ(both->b, "12us");
    const FigureRatio* answered = named(all, "answered/s");
    ASSERT_NE(answered, nullptr);
    EXPECT_EQ(answered->a, "1000");
    EXPECT_EQ(answered->b, "2000");
    ASSERT_TRUE(answered->ratio && answered->control);
    EXPECT_NEAR(answered->ratio->median, 0.5, 1e-9);
    EXPECT_NEAR(answered->ratio->low, 0.495, 1e-9);
    EXPECT_NEAR(answered->ratio->high, 0.505, 1e-9);
    EXPECT_NEAR(answered->ratio->coverage, 0.9614, 1e-4);
    EXPECT_NEAR(answered->control->median, 1, 1e-9);
    const FigureRatio* p99 = named(all, "latency p99");
    ASSERT_NE(p99, nullptr);
    EXPECT_EQ(p99->a, "10ms");
}

TEST(ComparePairsTest, AFigureThatIsNotThereIsNoRatio) {
    auto rounds = twelve_rounds();
    for (Round& round : rounds)
        for (RunFigures* run : {&round.a, &round.b, &round.control})
            run->server_cpu_ns.reset();
    rounds[3].b.p99_ns.reset();
    rounds[5].control.p50_ns.reset();
    rounds[7].a.per_s = 0;
    rounds[9].b.client_cpu_ns = 0;
    const auto all = compare_rounds(rounds).figures;
    EXPECT_EQ(named(all, "server CPU per answer"), nullptr) << "in no run at all: no row";
    const struct {
        const char* name;
        bool ratio, control;
    } cases[] = {
        {"answered/s", false, false},
        {"latency p50", true, false},
        {"latency p99", false, true},
        {"client CPU per answer", false, true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const FigureRatio* figure = named(all, c.name);
        ASSERT_NE(figure, nullptr);
        EXPECT_EQ(figure->ratio.has_value(), c.ratio);
        EXPECT_EQ(figure->control.has_value(), c.control);
    }
    EXPECT_TRUE(compare_rounds({}).figures.empty());
}

TEST(ComparePairsTest, VerdictsSayWhatIsShown) {
    const std::string text = to_text(compare_rounds(twelve_rounds()));
    EXPECT_TRUE(row_of(text, "answered/s").ends_with("A is less")) << text;
    EXPECT_NE(row_of(text, "answered/s").find("0.500 (0.495 to 0.505)"), std::string::npos);
    EXPECT_TRUE(row_of(text, "latency p50").ends_with("at different rates: use --rate")) << text;
    EXPECT_NE(text.find("12 rounds; the true median ratio lies in the brackets in 96 %"),
              std::string::npos)
        << text;

    auto same_rate = twelve_rounds();
    for (Round& round : same_rate)
        round.b.per_s = round.a.per_s;
    const std::string fair = to_text(compare_rounds(same_rate));
    EXPECT_TRUE(row_of(fair, "latency p50").ends_with("no difference shown")) << fair;

    auto swapped = twelve_rounds();
    for (Round& round : swapped)
        round.b.per_s = 100;
    EXPECT_TRUE(row_of(to_text(compare_rounds(swapped)), "answered/s").ends_with("A is more"));

    const std::string unsteady = to_text(compare_rounds(twelve_rounds(1.1)));
    EXPECT_TRUE(row_of(unsteady, "answered/s").ends_with("control differs as well")) << unsteady;

    // Three rounds cannot show anything, whatever they are.
    auto few = twelve_rounds();
    few.resize(3);
    EXPECT_TRUE(
        row_of(to_text(compare_rounds(few)), "answered/s").ends_with("no difference shown"));
}

TEST(ComparePairsTest, WhatFailedAndWasWarnedOfIsTold) {
    auto rounds = twelve_rounds();
    EXPECT_FALSE(compare_rounds(rounds).has_warnings());
    for (Round& round : rounds) {
        round.a.planned = 1000;
        round.b.planned = 2000;
        round.b.failed = 5;
    }
    rounds[2].b.warnings = {"client_busy", "steal"};
    rounds[4].b.warnings = {"client_busy"};
    const Comparison comparison = compare_rounds(rounds);
    EXPECT_TRUE(comparison.has_warnings());
    const std::string text = to_text(comparison);
    EXPECT_NE(text.find("A: 0 of 12,000 requests failed\n"), std::string::npos) << text;
    EXPECT_NE(text.find("B: 60 of 24,000 requests failed; client_busy in 2 of 12 runs; steal in 1"),
              std::string::npos)
        << text;
}

TEST(ComparePairsTest, NoRatioClaimsNoCoverage) {
    auto rounds = twelve_rounds();
    for (Round& round : rounds)
        round.a = RunFigures();
    const std::string text = to_text(compare_rounds(rounds));
    EXPECT_EQ(text.find("brackets"), std::string::npos) << text;
    EXPECT_NE(text.find("12 rounds"), std::string::npos) << text;
}

TEST(ComparePairsTest, JsonParses) {
    auto rounds = twelve_rounds();
    rounds[0].b.p99_ns.reset();
    rounds[0].b.planned = 100;
    rounds[0].b.failed = 3;
    rounds[0].control.warnings = {"steal"};
    Comparison comparison = compare_rounds(rounds);
    comparison.a.target = "http://a/\"\xff";
    comparison.b.target = "http://b/";
    comparison.run.kernel = "Linux 6";
    const auto json = nlohmann::json::parse(to_json(comparison), nullptr, false);
    ASSERT_FALSE(json.is_discarded());
    EXPECT_EQ(json["schema"], "spate.load.ab/1");
    EXPECT_EQ(json["b"], "http://b/");
    EXPECT_EQ(json["rounds"], 12);
    EXPECT_EQ(json["run"]["host"]["kernel"], "Linux 6");
    EXPECT_EQ(json["sides"]["b"]["failed"], 3);
    EXPECT_EQ(json["sides"]["b"]["runs"], 12);
    EXPECT_EQ(json["sides"]["a"]["runs"], 24);
    EXPECT_EQ(json["sides"]["a"]["warnings"]["steal"], 1);
    ASSERT_EQ(json["figures"].size(), 6U);
    const auto& answered = json["figures"][3];
    EXPECT_EQ(answered["name"], "answered/s");
    EXPECT_NEAR(answered["ratio"]["median"].get<double>(), 0.5, 1e-9);
    EXPECT_LT(answered["ratio"]["low"], answered["ratio"]["high"]);
    EXPECT_NEAR(answered["control"]["coverage"].get<double>(), 0.9614, 1e-4);
    EXPECT_TRUE(json["figures"][5]["ratio"].is_null());
}

}  // namespace
}  // namespace spate::load
