#include "load/worker.hpp"

#include <time.h>

#include <algorithm>
#include <utility>

#include <spate/task_group.hpp>

#include "load/slots.hpp"

namespace spate::load {
namespace {

// Connecting at a time: ten thousand at once overrun the server's queue, and wait for a second.
constexpr std::size_t most_preparing = 64;

Duration thread_cpu() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

constexpr auto pause_after_failure = std::chrono::milliseconds(10);

// Of `total`, what falls to one of `parts`, the first ones have one more.
std::uint64_t part_of(std::uint64_t total, std::uint64_t parts, std::uint64_t index) {
    return total / parts + (index < total % parts ? 1 : 0);
}

Gate::Limits limits_of(const Plan& plan, unsigned index) {
    Gate::Limits limits{.patience = plan.most_backlog};
    if (plan.requests != UINT64_MAX) {
        const std::uint64_t ours = part_of(plan.requests, plan.slices, plan.slice);
        limits.requests = part_of(ours, plan.threads, index);
    }
    return limits;
}

std::optional<Schedule> schedule_of(const Plan& plan, unsigned index) {
    // What only comes is paced where it comes from.
    if (!plan.rate || only_receives(plan)) return std::nullopt;
    // Of n machines the i-th has every n-th request, whatever its threads are.
    const Share share{index * plan.slices + plan.slice, plan.slices * plan.threads};
    return Schedule(*plan.rate, share, plan.poisson, plan.seed);
}

}  // namespace

OneWayCounts& OneWayCounts::operator+=(const OneWayCounts& other) {
    warm_up_bytes += other.warm_up_bytes;
    numbered += other.numbered;
    unsent += other.unsent;
    received += other.received;
    kernel_drops += other.kernel_drops;
    return *this;
}

Task<void> Slot::recover() {
    // In an open loop the schedule says how often.
    if (!worker_.plan().rate && !worker_.gate().is_closed())
        co_await worker_.loop().sleep_for(pause_after_failure);
}

Worker::Worker(Loop& loop, const Plan& plan, unsigned index)
    : loop_(loop),
      plan_(plan),
      address_(index),
      gate_(loop, limits_of(plan, index), schedule_of(plan, index)),
      known_heads_(std::max<std::size_t>(plan.http.size(), 1)) {
    const std::uint64_t count = part_of(plan.connections, plan.threads, index);
    for (std::uint64_t slot = 0; slot < count; ++slot)
        slots_.push_back(make_slot(*this, slot * plan.threads + index));
}

Worker::~Worker() = default;

Task<void> Worker::prepare_all() {
    TaskGroup lanes(loop_, cut_.token());
    for (std::size_t lane = std::min(most_preparing, slots_.size()); lane > 0; --lane)
        lanes.spawn(prepare_some());
    const auto prepared = co_await lanes.join();
    if (!prepared) cut();
}

Task<void> Worker::prepare_some() {
    while (next_to_prepare_ < slots_.size() && !is_cut()) {
        Slot& slot = *slots_[next_to_prepare_++];
        const TimePoint began = Clock::now();
        const auto trouble = co_await slot.prepare();
        if (!trouble) {
            ++connected_;
            continue;
        }
        if (is_cut()) break;
        preparations_.count(trouble->failure, Duration{0}, trouble->sample);
        prepared_in_vain_.push_back(Clock::now() - began);
        // The rest would wait as long each, one after the other; they connect when they are asked.
        if (column_of(trouble->failure) == Column::timeout) break;
    }
}

Task<void> Worker::run_slots() {
    TaskGroup running(loop_, cut_.token());
    for (const auto& slot : slots_)
        running.spawn(slot->run());
    const auto ran = co_await running.join();
    if (!ran) cut();
}

Task<void> Worker::finish_slots() {
    co_await released_.wait();
    TaskGroup finishing(loop_, cut_.token());
    for (const auto& slot : slots_)
        finishing.spawn(slot->finish());
    (void)co_await finishing.join();
}

Task<void> Worker::run(News news) {
    co_await prepare_all();
    news.connected();
    co_await started_.wait();
    const Duration cpu = thread_cpu();
    const TimePoint began = Clock::now();
    const Duration polled = loop_.counters().polled;
    co_await run_slots();
    ran_ = Clock::now() - began;
    busy_ = thread_cpu() - cpu - (loop_.counters().polled - polled);
    end_.cancel();
    close_gate();
    settle();
    if (has_far_end(plan_.kind)) {
        news.sent_all();
        co_await finish_slots();
    }
}

void Worker::start(TimePoint start, TimePoint measured, TimePoint end) {
    measured_ = measured;
    end_at_ = end;
    if (!is_cut()) {
        gate_.open(start, measured, end);
        if (end != no_deadline) loop_.timers().arm(end_, end);
    }
    started_.set();
}

void Worker::cut() {
    cut_.request_stop();
    close_gate();
    for (const auto& slot : slots_)
        slot->cut();
    started_.set();
}

void Worker::close_gate() {
    gate_.close();
    over_.set();
}

// What nobody has accounted for by now was in flight, or never got a connection.
void Worker::settle() {
    Totals& totals = tally().totals;
    const std::uint64_t unsent = gate_.left_over();
    totals.planned += unsent + gate_.shed();
    totals.in_flight += outstanding_ + unsent;
    totals.shed += gate_.shed();
}

const Tally& Worker::take_tally() {
    const unsigned full = std::exchange(filling_, 1 - filling_);
    tallies_[filling_].clear();
    return tallies_[full];
}

void Worker::planned(TimePoint when) {
    if (!counts(when)) return;
    ++tally().totals.planned;
    ++outstanding_;
}

void Worker::sent(const Asked& asked, std::size_t bytes) {
    if (!counts(asked.planned)) return;
    Tally& to = tally();
    ++to.totals.sent;
    to.totals.bytes_out += bytes;
    if (plan_.rate)
        to.send_lag.record(static_cast<std::uint64_t>((asked.sent - asked.planned).count()));
}

void Worker::answered(const Asked& asked, TimePoint first_byte, TimePoint done,
                      std::uint64_t bytes) {
    if (!counts(asked.planned)) return;
    Tally& to = tally();
    --outstanding_;
    ++to.totals.ok;
    to.totals.bytes_in += bytes;
    to.latency.record(static_cast<std::uint64_t>((done - asked.planned).count()));
    // In a closed loop a request is planned when it is sent.
    if (plan_.rate) to.service.record(static_cast<std::uint64_t>((done - asked.sent).count()));
    to.first_byte.record(static_cast<std::uint64_t>((first_byte - asked.sent).count()));
}

std::uint64_t Worker::planned_one_way(std::span<const TimePoint> planned) {
    const auto first = std::ranges::lower_bound(planned, measured_);
    const auto counting = static_cast<std::size_t>(planned.end() - first);
    tally().totals.planned += counting;
    outstanding_ += counting;
    if (!plan_.rate) return counting;
    const TimePoint now = Clock::now();
    for (const TimePoint due : planned.last(counting)) {
        const Duration lag = std::max(Duration{0}, Duration(now - due));
        if (lag > lateness) ++late_;
        tally().send_lag.record(static_cast<std::uint64_t>(lag.count()));
    }
    return counting;
}

void Worker::sent_one_way(std::uint64_t count, std::uint64_t bytes) {
    Totals& totals = tally().totals;
    totals.sent += count;
    totals.ok += count;
    totals.bytes_out += bytes;
    outstanding_ -= count;
}

void Worker::failed_one_way(std::uint64_t count, const Trouble& trouble) {
    if (count == 0) return;
    Totals& totals = tally().totals;
    (column_of(trouble.failure) == Column::timeout ? totals.timeout : totals.net_error) += count;
    outstanding_ -= count;
    failures_.count(trouble.failure, loop_.now() - measured_, trouble.sample, count);
}

void Worker::received_one_way(TimePoint when, std::uint64_t count, std::uint64_t bytes) {
    if (!counts(when)) return;
    Totals& totals = tally().totals;
    totals.planned += count;
    totals.sent += count;
    totals.ok += count;
    totals.bytes_in += bytes;
}

void Worker::broke_one_way(const Trouble& trouble) {
    ++tally().totals.planned;
    ++outstanding_;
    failed_one_way(1, trouble);
}

void Worker::count_status(const Asked& asked, int status) {
    Tally& to = tally();
    const auto index = static_cast<std::size_t>(std::max(status, 0));
    if (counts(asked.planned) && index < to.by_status.size()) ++to.by_status[index];
}

void Worker::failed(const Asked& asked, const Trouble& trouble) {
    if (!counts(asked.planned)) return;
    Tally& to = tally();
    --outstanding_;
    const TimePoint now = loop_.now();
    switch (column_of(trouble.failure)) {
        case Column::http_error:
            ++to.totals.http_error;
            break;
        case Column::net_error:
            ++to.totals.net_error;
            break;
        case Column::timeout:
            ++to.totals.timeout;
            break;
    }
    const Duration took = std::max(Duration{0}, Duration(now - asked.planned));
    to.failed.record(static_cast<std::uint64_t>(took.count()));
    failures_.count(trouble.failure, now - measured_, trouble.sample);
}

void Worker::opened(Duration took, bool again) {
    Tally& to = tally();
    ++to.opened;
    if (again) ++to.reconnects;
    to.connect.record(static_cast<std::uint64_t>(took.count()));
}

void Worker::count_preparations() {
    for (const ErrorInfo& row : preparations_.rows()) {
        Totals& totals = tally().totals;
        totals.planned += row.count;
        (column_of(row.failure) == Column::timeout ? totals.timeout : totals.net_error) +=
            row.count;
    }
    for (const Duration took : prepared_in_vain_)
        tally().failed.record(static_cast<std::uint64_t>(took.count()));
    failures_.add(preparations_);
}

std::uint64_t Worker::late() const {
    return plan_.kind == Kind::udp_stream ? late_ : gate_.late();
}

ConnectionInfo Worker::connections() const {
    ConnectionInfo info;
    info.fewest_requests = slots_.empty() ? 0 : UINT64_MAX;
    for (const auto& slot : slots_) {
        if (slot->requests() != 0) ++info.used;
        info.fewest_requests = std::min(info.fewest_requests, slot->requests());
        info.most_requests = std::max(info.most_requests, slot->requests());
    }
    return info;
}

}  // namespace spate::load
