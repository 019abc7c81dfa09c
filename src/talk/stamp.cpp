#include "talk/stamp.hpp"

#include <fmt/format.h>

#include <ctime>
#include <utility>

namespace spate::talk {
namespace {

std::string time_of_day(WallTime now) {
    const auto since = now.time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    const auto seconds = static_cast<std::time_t>(ms / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return fmt::format("{:02}:{:02}:{:02}.{:03} ", parts.tm_hour, parts.tm_min, parts.tm_sec,
                       ms % 1000);
}

std::string seconds(std::chrono::nanoseconds passed) {
    return fmt::format("{:+.6f} ", std::chrono::duration<double>(passed).count());
}

}  // namespace

std::expected<StampMode, std::string> parse_stamp_mode(std::string_view name) {
    if (name == "absolute" || name == "abs") return StampMode::absolute;
    if (name == "relative" || name == "rel") return StampMode::relative;
    if (name == "delta") return StampMode::delta;
    return std::unexpected("stamps are absolute, relative or delta");
}

std::string Stamps::next(WallTime now) {
    if (first_ == WallTime{}) first_ = last_ = now;
    const WallTime last = std::exchange(last_, now);
    switch (mode_) {
        case StampMode::none:
            return "";
        case StampMode::absolute:
            return time_of_day(now);
        case StampMode::relative:
            return seconds(now - first_);
        case StampMode::delta:
            return seconds(now - last);
    }
    return "";
}

}  // namespace spate::talk
