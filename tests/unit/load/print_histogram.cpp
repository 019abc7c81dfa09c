// Prints histograms as files, and what is in them, for another decoder to agree with, as JSON.
// tests/hdr/hdr_test.py runs it.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "load/histogram.hpp"
#include "load/histogram_codec.hpp"
#include "load/histogram_log.hpp"

namespace {

using nlohmann::json;
using spate::load::Histogram;

struct Named {
    std::string tag;
    Histogram histogram;
};

std::vector<Named> samples() {
    std::mt19937_64 random(17);
    std::vector<Named> samples;
    samples.push_back({"empty", {}});
    samples.push_back({"zero", {}});
    samples.back().histogram.record(0, 3);
    samples.push_back({"one", {}});
    samples.back().histogram.record(1'000'000);
    samples.push_back({"hour", {}});
    samples.back().histogram.record(Histogram::highest, 2);
    samples.push_back({"many", {}});
    samples.back().histogram.record(123'456, 5'000'000'000);
    samples.back().histogram.record(987'654'321);
    samples.push_back({"narrow", {}});
    for (int i = 0; i < 100'003; ++i)
        samples.back().histogram.record(180'000 + random() % 40'000);
    samples.push_back({"wide", {}});
    for (int i = 0; i < 50'021; ++i)
        samples.back().histogram.record((random() >> 24) >> random() % 40);
    return samples;
}

json described(const Histogram& histogram) {
    json percentiles = json::object();
    for (const char* percent : {"10", "50", "90", "99", "99.9", "100"})
        percentiles[percent] = histogram.value_at(std::stod(percent) / 100);
    return {{"count", histogram.count()},
            {"min", histogram.min()},
            {"max", histogram.max()},
            {"mean", histogram.mean()},
            {"stdev", histogram.stdev()},
            {"percentiles", percentiles},
            {"distribution", spate::load::percentile_distribution(histogram)}};
}

json fixed_log() {
    constexpr std::int64_t second_ns = 1'000'000'000;
    json intervals = json::array();
    std::string log = spate::load::log_head({.comment = "spate load http://a/",
                                             .started_ns = 1'795'424'305'250'000'000,
                                             .base_ns = 1'795'424'305'250'000'000});
    std::int64_t start_ns = 0;
    for (const Named& sample : samples()) {
        log += spate::load::log_line(start_ns, second_ns, sample.histogram, sample.tag);
        json interval = described(sample.histogram);
        interval["tag"] = sample.tag;
        intervals.push_back(interval);
        start_ns += second_ns;
    }
    return {{"log", log}, {"intervals", intervals}};
}

}  // namespace

/// Without arguments, a fixed log. Else what the arguments are the encodings of.
int main(int argc, char** argv) {
    json out = argc > 1 ? json::array() : fixed_log();
    for (int i = 1; i < argc; ++i) {
        const auto histogram = spate::load::decode(argv[i]);
        out.push_back(histogram ? described(*histogram) : json(histogram.error()));
    }
    std::puts(out.dump().c_str());
}
