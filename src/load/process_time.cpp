#include "load/process_time.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "load/read_file.hpp"

namespace spate::load {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_processes = 4096;

std::int64_t nanoseconds(const timeval& time) {
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_usec * std::int64_t{1000};
}

// What has gone meanwhile reads as nothing.
std::string read(const fs::path& path) {
    return read_file(path).value_or("");
}

std::vector<int> children_of(const fs::path& task) {
    std::vector<int> children;
    std::istringstream words(read(task / "children"));
    for (int child = 0; words >> child;)
        children.push_back(child);
    return children;
}

struct Ticks {
    CpuInfo own;
    CpuInfo ended_children;  // that it has waited for
};

// Fields 14 to 17 of /proc/PID/stat, counted from behind the name, which may hold anything.
Ticks ticks_of(const fs::path& process) {
    const std::string text = read(process / "stat");
    std::istringstream words(text.substr(std::min(text.rfind(')') + 1, text.size())));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        words >> skipped;
    Ticks ticks;
    words >> ticks.own.user_ns >> ticks.own.system_ns;
    words >> ticks.ended_children.user_ns >> ticks.ended_children.system_ns;
    return ticks;
}

// By the clock of a process: of all its threads, of those that have ended as well.
std::optional<std::int64_t> running_ns(int pid) {
    clockid_t clock = 0;
    timespec time{};
    // A number that no process can have may name another one's clock, 0 ours.
    if (pid <= 0 || (::kill(pid, 0) != 0 && errno != EPERM)) return std::nullopt;
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
        return std::nullopt;
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

}  // namespace

CpuInfo own_cpu() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return {nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime)};
}

std::expected<CpuInfo, std::string> process_cpu(int pid) {
    const std::int64_t tick_ns = 1'000'000'000 / ::sysconf(_SC_CLK_TCK);
    std::int64_t sum_ns = 0;
    CpuInfo ticks;
    std::vector<int> todo{pid};
    for (std::size_t at = 0; at < todo.size() && at < most_processes; ++at) {
        const auto running = running_ns(todo[at]);
        if (!running) {
            if (at == 0) return std::unexpected(fmt::format("there is no process {}", pid));
            continue;
        }
        const fs::path process = fs::path("/proc") / std::to_string(todo[at]);
        const Ticks seen = ticks_of(process);
        sum_ns += *running + seen.ended_children.total_ns() * tick_ns;
        ticks.user_ns += seen.own.user_ns + seen.ended_children.user_ns;
        ticks.system_ns += seen.own.system_ns + seen.ended_children.system_ns;
        std::error_code gone;
        for (fs::directory_iterator task(process / "task", gone), end; !gone && task != end;
             task.increment(gone)) {
            for (int child : children_of(task->path()))
                todo.push_back(child);
        }
    }
    const std::int64_t all_ticks = ticks.total_ns();
    const double user_share =
        all_ticks == 0 ? 0.5 : static_cast<double>(ticks.user_ns) / static_cast<double>(all_ticks);
    const auto user_ns = static_cast<std::int64_t>(static_cast<double>(sum_ns) * user_share);
    return CpuInfo{user_ns, sum_ns - user_ns};
}

std::string command_of(int pid) {
    std::string words = read(fs::path("/proc") / std::to_string(pid) / "cmdline");
    while (words.ends_with('\0'))
        words.pop_back();
    std::ranges::replace(words, '\0', ' ');
    return words;
}

MachineTime machine_time() {
    MachineTime time;
    std::istringstream words(read("/proc/stat"));
    std::string label;
    words >> label;
    // user nice system idle iowait irq softirq steal; what follows is in user and nice already.
    for (int field = 0; field < 8; ++field) {
        std::int64_t ticks = 0;
        words >> ticks;
        time.total_ticks += ticks;
        if (field == 7) time.steal_ticks = ticks;
    }
    const std::string pressure = read("/proc/pressure/cpu");
    const auto total = pressure.find("total=");
    if (total != std::string::npos)
        time.pressure_us = std::strtoll(pressure.c_str() + total + 6, nullptr, 10);
    return time;
}

double steal_between(const MachineTime& earlier, const MachineTime& later) {
    const auto total = later.total_ticks - earlier.total_ticks;
    if (total <= 0) return 0;
    return static_cast<double>(later.steal_ticks - earlier.steal_ticks) /
           static_cast<double>(total);
}

std::optional<double> pressure_between(const MachineTime& earlier, const MachineTime& later,
                                       std::int64_t length_ns) {
    if (!earlier.pressure_us || !later.pressure_us || length_ns <= 0) return std::nullopt;
    return static_cast<double>(*later.pressure_us - *earlier.pressure_us) * 1e3 /
           static_cast<double>(length_ns);
}

void describe_host(RunInfo& run) {
    utsname host{};
    if (::uname(&host) == 0) run.kernel = fmt::format("{} {}", host.sysname, host.release);
    run.processors = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN));
    std::istringstream lines(read("/proc/cpuinfo"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("model name")) continue;
        run.cpu = line.substr(std::min(line.find(':') + 2, line.size()));
        break;
    }
}

}  // namespace spate::load
