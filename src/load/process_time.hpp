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

/// Of a process, all its threads, and its descendants: what runs to the nanosecond, by the clock of
/// the process (clock_getcpuclockid(3)), ended threads included; children that have ended and were
/// waited for in the kernel's ticks of 10 ms. User and system share the sum as the tick saw them.
/// The error says what is wrong with the process.
[[nodiscard]] std::expected<CpuInfo, std::string> process_cpu(int pid);

/// The words it was started with, parted by spaces; "" where there is no such process.
[[nodiscard]] std::string command_of(int pid);

/// Of the whole machine.
struct MachineTime {
    std::int64_t total_ticks = 0;
    std::int64_t steal_ticks = 0;  ///< Taken by the host for others.
    /// How long some task has waited for a processor; nothing where the kernel doesn't tell (PSI).
    std::optional<std::int64_t> pressure_us;
};
[[nodiscard]] MachineTime machine_time();
/// Share of all processors' time that the host took away between two looks, 0 to 1.
[[nodiscard]] double steal_between(const MachineTime& earlier, const MachineTime& later);
/// Share of `length_ns` in which some task waited for a processor; nothing where it is not told.
[[nodiscard]] std::optional<double> pressure_between(const MachineTime& earlier,
                                                     const MachineTime& later,
                                                     std::int64_t length_ns);

/// Kernel, processor and their number.
void describe_host(RunInfo& run);

}  // namespace spate::load
