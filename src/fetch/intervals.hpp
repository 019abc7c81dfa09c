// Which bytes of a file are there: disjoint intervals in ascending order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spate::fetch {

/// Bytes from `begin` up to, not including, `end`.
struct Interval {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    [[nodiscard]] std::uint64_t length() const { return end - begin; }
    friend bool operator==(const Interval&, const Interval&) = default;
};

/// A set of bytes. Intervals that touch are one.
class Intervals {
  public:
    void add(Interval interval);
    void clear() { intervals_.clear(); }

    [[nodiscard]] bool empty() const { return intervals_.empty(); }
    [[nodiscard]] std::size_t count() const { return intervals_.size(); }
    [[nodiscard]] auto begin() const { return intervals_.begin(); }
    [[nodiscard]] auto end() const { return intervals_.end(); }
    /// How many bytes are in it.
    [[nodiscard]] std::uint64_t bytes() const;
    /// Where the interval that begins at 0 ends; 0 when byte 0 is missing.
    [[nodiscard]] std::uint64_t prefix() const;
    /// One past the last byte; 0 when empty.
    [[nodiscard]] std::uint64_t limit() const;
    /// What is missing of the first `size` bytes.
    [[nodiscard]] std::vector<Interval> gaps(std::uint64_t size) const;

    /// "0-1024 4096-8192", ends excluded.
    [[nodiscard]] std::string text() const;
    /// Reads what text() wrote, and nothing else: ascending, disjoint, none empty.
    static std::optional<Intervals> parse(std::string_view text);

    friend bool operator==(const Intervals&, const Intervals&) = default;

  private:
    std::vector<Interval> intervals_;
};

}  // namespace spate::fetch
