// Timers of a loop, 1 ms coarse.
#pragma once

#include <cstdint>

#include <spate/time.hpp>

namespace spate {

class TimerWheel;

/// A callback at a point in time. Intrusive: arming and cancelling allocate nothing.
/// Belongs to one loop's thread; disarms itself when it dies.
class Timer {
  public:
    using Callback = void (*)(Timer&);

    explicit Timer(Callback callback) : callback_(callback) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }

    [[nodiscard]] bool armed() const { return next_ != nullptr; }
    void cancel();

  private:
    friend class TimerWheel;
    // The head of a wheel's slot: a list of itself alone.
    Timer() : callback_(nullptr), next_(this), previous_(this) {}

    Callback callback_;
    std::uint64_t tick_ = 0;
    Timer* next_ = nullptr;
    Timer* previous_ = nullptr;
};

/// Hashed hierarchical wheel (Varghese & Lauck): arm, cancel and expire in constant time.
class TimerWheel {
  public:
    explicit TimerWheel(TimePoint start) : start_(start) {}
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Re-arms if armed. Fires at the first advance() to `when` or later, never before it.
    void arm(Timer& timer, TimePoint when);

    /// Fires what is due. Callbacks may arm and cancel any timer.
    void advance(TimePoint now);

    /// When advance() has next something to do; no_deadline if no timer is armed.
    [[nodiscard]] TimePoint next() const;

  private:
    static constexpr int levels = 4;
    static constexpr int slot_bits = 6;
    static constexpr int slots = 1 << slot_bits;

    void insert(Timer& timer);
    void cascade(int level);
    void fire_slot();
    [[nodiscard]] std::uint64_t next_tick() const;

    TimePoint start_;
    std::uint64_t tick_ = 0;
    // One bit a slot; may stay set for a slot emptied by cancel(): a wasted look, never a miss.
    mutable std::uint64_t occupied_[levels] = {};
    mutable Timer wheel_[levels][slots];
};

}  // namespace spate
