#include "load/process_time.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
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

// Fields 14 and 15 of /proc/PID/stat, counted from behind the name, which may hold anything.
CpuInfo ticks_of(const fs::path& task) {
    const std::string text = read(task / "stat");
    std::istringstream words(text.substr(std::min(text.rfind(')') + 1, text.size())));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        words >> skipped;
    CpuInfo ticks;
    words >> ticks.user_ns >> ticks.system_ns;
    return ticks;
}

std::int64_t scheduled_ns(const fs::path& task) {
    std::istringstream words(read(task / "schedstat"));
    std::int64_t time = 0;
    words >> time;
    return time;
}

}  // namespace

CpuInfo own_cpu() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return {nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime)};
}

std::expected<CpuInfo, std::string> process_cpu(int pid) {
    std::int64_t sum_ns = 0;
    CpuInfo ticks;
    std::vector<int> todo{pid};
    for (std::size_t at = 0; at < todo.size() && at < most_processes; ++at) {
        std::error_code gone;
        const fs::path tasks = fs::path("/proc") / std::to_string(todo[at]) / "task";
        for (fs::directory_iterator task(tasks, gone), end; !gone && task != end;
             task.increment(gone)) {
            sum_ns += scheduled_ns(task->path());
            const CpuInfo of_task = ticks_of(task->path());
            ticks.user_ns += of_task.user_ns;
            ticks.system_ns += of_task.system_ns;
            for (int child : children_of(task->path()))
                todo.push_back(child);
        }
        if (gone && at == 0) return std::unexpected(fmt::format("there is no process {}", pid));
    }
    const std::int64_t all_ticks = ticks.total_ns();
    const double user_share =
        all_ticks == 0 ? 0.5 : static_cast<double>(ticks.user_ns) / static_cast<double>(all_ticks);
    const auto user_ns = static_cast<std::int64_t>(static_cast<double>(sum_ns) * user_share);
    return CpuInfo{user_ns, sum_ns - user_ns};
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
