// A report as JSON and back: the form that is kept, compared and merged.
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "load/report.hpp"

namespace spate::load {

/// What a file of ours says it is. Keys are only ever added: a change that breaks a reader gets
/// another name.
inline constexpr std::string_view report_schema = "spate.load/1";

/// Where and by what a report was made: the "run" of every file of ours.
[[nodiscard]] nlohmann::ordered_json json_of(const RunInfo& run);

/// The whole report: times are whole nanoseconds, percentiles with too few samples null. A line for
/// each part and for each interval, so that grep and diff are of use; text that is not UTF-8 shows
/// as U+FFFD.
[[nodiscard]] std::string to_json(const Report& report);

/// A report back, from to_json() or a stream of JSON, whose last line it is. Keys that it does not
/// know are passed over. Errors: one line with the key and what is wrong, or the schema that it is
/// of.
[[nodiscard]] std::expected<Report, std::string> report_from_json(std::string_view text);

/// For a stream of JSON, a line each: `{"type":"interval",...}` as they come, and at the end the
/// report, `{"type":"report","schema":...}`. Both end in '\n'.
[[nodiscard]] std::string to_json_line(const IntervalInfo& interval);
[[nodiscard]] std::string to_json_line(const Report& report);

}  // namespace spate::load
