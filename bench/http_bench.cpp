// What the pure parts of a request cost.
#include <benchmark/benchmark.h>

#include "http/message.hpp"
#include "http/range.hpp"
#include "http/uri.hpp"

namespace spate::http {
namespace {

constexpr std::string_view short_request = "GET /1k.bin HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view browser_request =
    "GET /music/a%20song.flac HTTP/1.1\r\nHost: files.example:8080\r\nConnection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Range: bytes=0-1023\r\nIf-None-Match: \"400-18f2-9b\"\r\nDNT: 1\r\n\r\n";

void parse(benchmark::State& state, std::string_view request) {
    for (auto _ : state)
        benchmark::DoNotOptimize(parse_request(request));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(request.size()));
}
BENCHMARK_CAPTURE(parse, short_request, short_request);
BENCHMARK_CAPTURE(parse, browser_request, browser_request);

void target(benchmark::State& state) {
    char buffer[256];
    for (auto _ : state)
        benchmark::DoNotOptimize(parse_target("/music/a%20song.flac?download", buffer));
}
BENCHMARK(target);

void ranges(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(parse_ranges("bytes=0-99,200-299,-100", 1 << 20));
}
BENCHMARK(ranges);

}  // namespace
}  // namespace spate::http

BENCHMARK_MAIN();
