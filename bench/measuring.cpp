#include "measuring.hpp"

#include <dirent.h>
#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string_view>
#include <thread>

#include <spate/engine.hpp>

namespace spate {
namespace {

std::int64_t cpu_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000'000L + time.tv_nsec;
}

// The process's clock is behind by up to a tick for each thread that runs on another core, until
// that thread's own clock is asked.
std::int64_t process_cpu_ns() {
    const std::unique_ptr<DIR, decltype([](DIR* each) { ::closedir(each); })> threads(
        ::opendir("/proc/self/task"));
    while (const dirent* each = threads ? ::readdir(threads.get()) : nullptr) {
        const std::string_view name(each->d_name);
        pid_t thread = 0;
        std::from_chars(name.data(), name.data() + name.size(), thread);
        // As pthread_getcpuclockid(3) makes it, which takes no thread that it did not start.
        if (thread != 0) cpu_ns(static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3 | 6U));
    }
    return cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
}

}  // namespace

Duration measured_duration() {
    const char* seconds = std::getenv("SPATE_BENCH_SECONDS");
    const double given = seconds != nullptr ? std::atof(seconds) : 1;
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::clamp(given, 0.001, 3600.0)));
}

bool is_smoke_run() {
    return std::getenv("SPATE_BENCH_SMOKE") != nullptr ||
           measured_duration() < std::chrono::milliseconds(500);
}

void pin(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core % std::max(1U, std::thread::hardware_concurrency()), &set);
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

std::int64_t thread_cpu_ns() {
    return cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

void Meter::start() {
    others_ns_ = -process_cpu_ns();
    own_ns_ = thread_cpu_ns();
    others_ns_ += own_ns_;
    began_ = Clock::now();
}

void Meter::stop() {
    time_ = Clock::now() - began_;
    own_ns_ = thread_cpu_ns() - own_ns_;
    others_ns_ += process_cpu_ns() - thread_cpu_ns();
}

double Meter::seconds() const {
    return std::chrono::duration<double>(time_).count();
}

void Comparison::report(benchmark::State& state, const std::string& way,
                        const std::vector<std::int64_t>& arguments, const Figures& figures) {
    latest_.insert_or_assign(std::pair(way, arguments), figures);
    state.counters["work/s"] = figures.work_per_second;
    state.counters["cpu_ns"] = figures.both_ns;
    state.counters[side_] = figures.side_ns;
    for (const std::string& name : twins_) {
        const auto twin = latest_.find(std::pair(name, arguments));
        if (twin == latest_.end()) continue;
        state.counters["x_" + name] = figures.work_per_second / twin->second.work_per_second;
        state.counters["cpu_x_" + name] = figures.side_ns / twin->second.side_ns;
    }
}

bool lacks_ring(benchmark::State& state) {
    static const Result<std::unique_ptr<Loop>> loop = Loop::open();
    if (!loop) state.SkipWithError(explain_ring_error(loop.error()).c_str());
    return !loop;
}

int run_benchmarks(int argc, char** argv) {
    raise_descriptor_limit();
    // sendfile(2) knows no MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

}  // namespace spate
