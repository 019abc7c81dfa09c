#include <algorithm>
#include <bit>

#include <spate/timer.hpp>

namespace spate {
namespace {

constexpr auto tick_length = std::chrono::milliseconds(1);

}  // namespace

void Timer::cancel() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
}

void TimerWheel::arm(Timer& timer, TimePoint when) {
    timer.cancel();
    const auto after = when - start_;
    const std::int64_t ticks = after / tick_length + (after % tick_length > Duration{0} ? 1 : 0);
    timer.tick_ = std::max(tick_ + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(ticks, 0)));
    insert(timer);
}

// The level whose slots are just wide enough; beyond the last level's reach a timer waits in its
// farthest slot and is put in again when that comes round.
void TimerWheel::insert(Timer& timer) {
    const std::uint64_t distance = timer.tick_ - tick_;
    int level = 0;
    while (level < levels - 1 && distance >> (slot_bits * (level + 1)) != 0)
        ++level;
    const int shift = slot_bits * level;
    constexpr std::uint64_t reach = (std::uint64_t{slots} << (slot_bits * (levels - 1))) - 1;
    const std::uint64_t target = tick_ + std::min(distance, reach);
    const auto slot = static_cast<int>((target >> shift) & (slots - 1));
    occupied_[level] |= std::uint64_t{1} << slot;
    Timer& head = wheel_[level][slot];
    timer.previous_ = head.previous_;
    timer.next_ = &head;
    head.previous_->next_ = &timer;
    head.previous_ = &timer;
}

std::uint64_t TimerWheel::next_tick() const {
    std::uint64_t soonest = UINT64_MAX;
    for (int level = 0; level < levels; ++level) {
        const int shift = slot_bits * level;
        const auto current = static_cast<int>((tick_ >> shift) & (slots - 1));
        while (occupied_[level] != 0) {
            // Slots after the current one, in the order in which they come round.
            const std::uint64_t turned = std::rotr(occupied_[level], (current + 1) % slots);
            const int distance = std::countr_zero(turned) + 1;
            const int slot = (current + distance) % slots;
            if (wheel_[level][slot].next_ == &wheel_[level][slot]) {
                occupied_[level] &= ~(std::uint64_t{1} << slot);
                continue;
            }
            soonest = std::min(soonest, ((tick_ >> shift) + static_cast<std::uint64_t>(distance))
                                            << shift);
            break;
        }
    }
    return soonest;
}

TimePoint TimerWheel::next() const {
    const std::uint64_t tick = next_tick();
    if (tick == UINT64_MAX) return no_deadline;
    return start_ + tick_length * static_cast<std::int64_t>(tick);
}

void TimerWheel::advance(TimePoint now) {
    const auto target = static_cast<std::uint64_t>(
        std::max<std::int64_t>((now - start_) / tick_length, static_cast<std::int64_t>(tick_)));
    for (;;) {
        const std::uint64_t next = next_tick();
        if (next > target) break;
        tick_ = next;
        for (int level = levels - 1; level > 0; --level)
            if ((tick_ & ((std::uint64_t{1} << (slot_bits * level)) - 1)) == 0) cascade(level);
        fire_slot();
    }
    tick_ = target;
}

// Moves the timers of the slot that has come round into finer slots.
void TimerWheel::cascade(int level) {
    const auto slot = static_cast<int>((tick_ >> (slot_bits * level)) & (slots - 1));
    Timer& head = wheel_[level][slot];
    occupied_[level] &= ~(std::uint64_t{1} << slot);
    if (head.next_ == &head) return;
    // Off the wheel first: the farthest slot may put timers in where they were.
    Timer moved;
    moved.next_ = head.next_;
    moved.previous_ = head.previous_;
    moved.next_->previous_ = &moved;
    moved.previous_->next_ = &moved;
    head.next_ = head.previous_ = &head;
    while (moved.next_ != &moved) {
        Timer& timer = *moved.next_;
        timer.cancel();
        insert(timer);
    }
}

// Due timers sit in level 0, at the current slot; callbacks may change any of the lists.
void TimerWheel::fire_slot() {
    const auto slot = static_cast<int>(tick_ & (slots - 1));
    Timer& head = wheel_[0][slot];
    while (head.next_ != &head) {
        Timer& timer = *head.next_;
        timer.cancel();
        timer.callback_(timer);
    }
    occupied_[0] &= ~(std::uint64_t{1} << slot);
}

}  // namespace spate
