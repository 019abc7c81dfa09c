// What one thread has counted since it was last asked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <spate/time.hpp>

#include "load/failure.hpp"
#include "load/histogram.hpp"
#include "load/report.hpp"

namespace spate::load {

/// Counts and times of one interval, touched by one thread at a time: each thread has two, and
/// hands one over while it fills the other. Added up they are those of the run.
struct Tally {
    Totals totals;
    Histogram latency;
    Histogram service;
    Histogram send_lag;
    Histogram connect;
    Histogram first_byte;
    Histogram failed;
    std::array<std::uint64_t, 600> by_status{};
    std::uint64_t opened = 0;
    std::uint64_t reconnects = 0;

    void add(const Tally& other);
    void clear();
};

/// Failures by class, of the whole run.
class FailureTable {
  public:
    void count(Failure failure, Duration since_start, std::string_view sample,
               std::uint64_t count = 1);
    void add(const FailureTable& other);
    void clear() { rows_ = {}; }
    /// Those that occurred.
    [[nodiscard]] std::vector<ErrorInfo> rows() const;

  private:
    std::array<ErrorInfo, failure_classes> rows_;
};

}  // namespace spate::load
