// What processes and the machine have done so far, as the kernel counts it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "load/report.hpp"

namespace spate::load {

/// Of this process, all its threads, kernel workers that act for it included (getrusage(2)).
[[nodiscard]] CpuInfo own_cpu();

/// Of a process, its threads and its descendants: to the nanosecond in the sum, by the scheduler's
/// figures (/proc/PID/task/*/schedstat); user and system share it as the clock tick saw them. Time
/// of threads that have ended is not in it. The error says what is wrong with the process.
[[nodiscard]] std::expected<CpuInfo, std::string> process_cpu(int pid);

/// Of the whole machine.
struct MachineTime {
    std::int64_t total_ticks = 0;
    std::int64_t steal_ticks = 0;  ///< Taken by the host for others.
    /// How long some task has waited for a processor; nothing where the kernel doesn't tell (PSI).
    std::optional<std::int64_t> pressure_us;
};
[[nodiscard]] MachineTime machine_time();

/// Kernel, processor and their number.
void describe_host(RunInfo& run);

}  // namespace spate::load
