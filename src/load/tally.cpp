#include "load/tally.hpp"

#include <algorithm>

namespace spate::load {

void Tally::add(const Tally& other) {
    totals += other.totals;
    latency.add(other.latency);
    service.add(other.service);
    send_lag.add(other.send_lag);
    connect.add(other.connect);
    first_byte.add(other.first_byte);
    failed.add(other.failed);
    for (std::size_t status = 0; status < by_status.size(); ++status)
        by_status[status] += other.by_status[status];
    opened += other.opened;
    reconnects += other.reconnects;
}

void Tally::clear() {
    totals = {};
    for (Histogram* each : {&latency, &service, &send_lag, &connect, &first_byte, &failed})
        each->clear();
    by_status.fill(0);
    opened = 0;
    reconnects = 0;
}

void FailureTable::count(Failure failure, Duration since_start, std::string_view sample,
                         std::uint64_t count) {
    ErrorInfo& row = rows_[static_cast<std::size_t>(failure)];
    row.count += count;
    if (row.count == count) {
        row.failure = failure;
        row.first_ns = since_start.count();
        row.sample = sample;
    }
    row.last_ns = std::max<std::int64_t>(row.last_ns, since_start.count());
}

void FailureTable::add(const FailureTable& other) {
    for (std::size_t index = 0; index < rows_.size(); ++index) {
        const ErrorInfo& theirs = other.rows_[index];
        ErrorInfo& ours = rows_[index];
        if (theirs.count == 0) continue;
        if (ours.count == 0 || theirs.first_ns < ours.first_ns) {
            ours.failure = theirs.failure;
            ours.first_ns = theirs.first_ns;
            ours.sample = theirs.sample;
        }
        ours.last_ns = std::max(ours.last_ns, theirs.last_ns);
        ours.count += theirs.count;
    }
}

std::vector<ErrorInfo> FailureTable::rows() const {
    std::vector<ErrorInfo> found;
    for (const ErrorInfo& row : rows_)
        if (row.count != 0) found.push_back(row);
    return found;
}

}  // namespace spate::load
