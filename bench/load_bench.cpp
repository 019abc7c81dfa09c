// What measuring costs: this is paid for every request and datagram of a load test.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "load/histogram.hpp"
#include "load/histogram_codec.hpp"
#include "load/sequence.hpp"

namespace spate::load {
namespace {

/// Around 200 us, with a tail: as latencies are.
std::vector<std::uint64_t> latencies(std::size_t count) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> times(std::log(200'000), 0.5);
    std::vector<std::uint64_t> values(count);
    for (std::uint64_t& value : values)
        value = static_cast<std::uint64_t>(times(random));
    return values;
}

void histogram_record(benchmark::State& state) {
    const auto values = latencies(4096);
    Histogram histogram;
    std::size_t i = 0;
    for (auto _ : state) {
        histogram.record(values[i++ % values.size()]);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(histogram_record);

void histogram_add(benchmark::State& state) {
    Histogram one;
    for (const std::uint64_t value : latencies(100'000))
        one.record(value);
    Histogram sum;
    for (auto _ : state) {
        sum.add(one);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(histogram_add);

void histogram_percentile(benchmark::State& state) {
    Histogram one;
    for (const std::uint64_t value : latencies(100'000))
        one.record(value);
    for (auto _ : state)
        benchmark::DoNotOptimize(one.percentile(0.99));
}
BENCHMARK(histogram_percentile);

void histogram_encode(benchmark::State& state) {
    Histogram one;
    for (const std::uint64_t value : latencies(100'000))
        one.record(value);
    for (auto _ : state)
        benchmark::DoNotOptimize(encode(one));
}
BENCHMARK(histogram_encode);

void sequence_in_order(benchmark::State& state) {
    Sequence sequence;
    std::uint64_t number = 0;
    for (auto _ : state) {
        sequence.record(number++);
        benchmark::ClobberMemory();
    }
}
BENCHMARK(sequence_in_order);

void sequence_and_jitter(benchmark::State& state) {
    Sequence sequence;
    std::uint64_t number = 0;
    for (auto _ : state) {
        const auto sent = static_cast<std::int64_t>(number * 100);
        sequence.record(number++);
        sequence.record_times(sent, sent + 5000 + static_cast<std::int64_t>(number % 7));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(sequence_and_jitter);

}  // namespace
}  // namespace spate::load

BENCHMARK_MAIN();
