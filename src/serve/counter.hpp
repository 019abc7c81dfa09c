// Counting on one thread what others may look at.
#pragma once

#include <atomic>
#include <cstdint>

namespace spate::serve {

/// Counted by one thread, read by any. Plain loads and stores: no locked instruction. A copy is
/// what was there at the time.
class Counter {
  public:
    Counter() = default;
    Counter(std::uint64_t value) : value_(value) {}  // NOLINT: a number that can be read meanwhile
    Counter(const Counter& other) : value_(other.value()) {}
    Counter& operator=(const Counter& other) {
        store(other.value());
        return *this;
    }

    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
    operator std::uint64_t() const { return value(); }  // NOLINT: see above

    Counter& operator+=(std::uint64_t more) {
        store(value() + more);
        return *this;
    }
    Counter& operator-=(std::uint64_t less) {
        store(value() - less);
        return *this;
    }
    void operator++() { *this += 1; }
    void operator--() { *this -= 1; }

  private:
    void store(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace spate::serve
