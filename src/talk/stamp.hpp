// The time before a line.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace spate::talk {

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class StampMode {
    none,
    absolute,  ///< local time of day, ms
    relative,  ///< since the first stamp, us
    delta,     ///< since the last stamp, us
};

/// The error lists what there is.
[[nodiscard]] std::expected<StampMode, std::string> parse_stamp_mode(std::string_view name);

class Stamps {
  public:
    explicit Stamps(StampMode mode) : mode_(mode) {}

    /// With a space at its end; empty in mode none.
    [[nodiscard]] std::string next(WallTime now);

  private:
    StampMode mode_;
    WallTime last_{};
    WallTime first_{};
};

}  // namespace spate::talk
