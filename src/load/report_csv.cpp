#include "load/report_csv.hpp"

#include <fmt/format.h>

#include <iterator>
#include <optional>

namespace spate::load {

namespace {

template <typename T>
std::string or_empty(const std::optional<T>& value) {
    return value ? fmt::to_string(*value) : std::string();
}

}  // namespace

std::string to_csv(const Report& report) {
    // Numbers and names without commas: nothing ever needs quotes.
    std::string out =
        "start_ns,length_ns,planned,sent,ok,errors,bytes_in,bytes_out,p50_ns,p99_ns,max_ns,"
        "client_cpu_ns,server_cpu_ns,steal\r\n";
    for (const IntervalInfo& i : report.intervals) {
        fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{},{},{},{},{},{},{}\r\n",
                       i.start_ns, i.length_ns, i.planned, i.sent, i.ok, i.errors, i.bytes_in,
                       i.bytes_out, or_empty(i.p50), or_empty(i.p99), i.max, i.client_cpu_ns,
                       or_empty(i.server_cpu_ns), i.steal);
    }
    return out;
}

}  // namespace spate::load
