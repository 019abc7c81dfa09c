#include "load/gate.hpp"

#include <algorithm>
#include <utility>

namespace spate::load {
Gate::Gate(Loop& loop, const Limits& limits, std::optional<Schedule> schedule)
    : loop_(loop), limits_(limits), schedule_(std::move(schedule)) {}

void Gate::open(TimePoint start, TimePoint counted, TimePoint end) {
    start_ = start;
    counted_ = counted;
    end_ = end;
    await_due();
}

void Gate::close() {
    if (std::exchange(closed_, true)) return;
    loop_.clear_alarm();
    for (Next* each = std::exchange(first_, nullptr); each != nullptr; each = each->next_)
        loop_.ready(each->waiter_);
    last_ = nullptr;
}

std::optional<TimePoint> Gate::take(TimePoint now) {
    if (schedule_ && first_ != nullptr) return std::nullopt;
    return take_due(now);
}

std::optional<TimePoint> Gate::take_due(TimePoint now) {
    if (is_exhausted() || now < start_) return std::nullopt;
    if (!schedule_) {
        if (now >= end_) return std::nullopt;
        ++issued_;
        return now;
    }
    shed_late(now);
    const TimePoint due = start_ + schedule_->due();
    if (due > now || due >= end_ || is_exhausted()) return std::nullopt;
    ++issued_;
    schedule_->advance();
    return due;
}

void Gate::shed_late(TimePoint now) {
    if (limits_.patience == Duration::max()) return;
    const TimePoint oldest = std::min(now - limits_.patience, end_);
    if (start_ + schedule_->due() >= oldest) return;
    // Those of the warm-up apart: they do not count.
    const TimePoint counted = std::min(counted_, oldest);
    issued_ += schedule_->skip_until(counted - start_, limits_.requests - issued_);
    const auto shed = schedule_->skip_until(oldest - start_, limits_.requests - issued_);
    issued_ += shed;
    shed_ += shed;
}

std::size_t Gate::take_some(TimePoint now, std::span<TimePoint> planned) {
    std::size_t count = 0;
    if (!schedule_) {
        if (is_exhausted() || now < start_ || now >= end_) return 0;
        count = std::min<std::uint64_t>(planned.size(), limits_.requests - issued_);
        std::ranges::fill(planned.first(count), now);
        issued_ += count;
        return count;
    }
    for (; count < planned.size(); ++count) {
        const auto due = take(now);
        if (!due) break;
        planned[count] = *due;
    }
    return count;
}

std::uint64_t Gate::left_over() const {
    if (!schedule_ || start_ == no_deadline) return 0;
    Schedule rest = *schedule_;
    const TimePoint until = std::min(end_, loop_.now());
    const std::uint64_t left = limits_.requests - issued_;
    const auto uncounted = rest.skip_until(std::min(counted_, until) - start_, left);
    return rest.skip_until(until - start_, left - uncounted);
}

// Those who wait are served first: hence a request that is due goes to nobody else before.
bool Gate::Next::await_ready() {
    if (gate_.closed_) return true;
    if (gate_.first_ == nullptr) planned_ = gate_.take_due(Clock::now());
    return planned_.has_value() || gate_.is_exhausted();
}

void Gate::Next::await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    (gate_.last_ != nullptr ? gate_.last_->next_ : gate_.first_) = this;
    gate_.last_ = this;
    if (gate_.first_ == this) gate_.await_due();
}

Gate::Next Gate::next() {
    return Next(*this);
}

void Gate::await_due() {
    if (first_ == nullptr || start_ == no_deadline) return;
    const TimePoint due = schedule_ ? start_ + schedule_->due() : start_;
    // Beyond the end there are none; close() wakes who waits.
    const TimePoint after = schedule_ ? due : loop_.now();
    if (after < end_) loop_.set_alarm(ring_, due);
}

void Gate::serve_waiting() {
    while (first_ != nullptr) {
        const TimePoint now = Clock::now();
        const auto planned = take_due(now);
        if (!planned && !is_exhausted()) break;
        if (planned && *planned >= counted_ && now - *planned > lateness) ++late_;
        Next* served = std::exchange(first_, first_->next_);
        if (first_ == nullptr) last_ = nullptr;
        served->planned_ = planned;
        served->waiter_.resume();
    }
    await_due();
}

}  // namespace spate::load
