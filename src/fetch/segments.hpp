// Who of several connections fetches which part of one file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fetch/intervals.hpp"

namespace spate::fetch {

/// The missing bytes of a file, cut into segments that connections take, work off from the front
/// and hand back. One that finds nothing free takes half of the largest that is left, so that the
/// slowest connection never decides how long the download lasts. Pure bookkeeping.
class Segments {
  public:
    using Id = std::size_t;

    /// `size` is nullopt where the server does not say: then there is one segment, without end.
    /// No segment is split into parts of less than `min_split` bytes, at least 1.
    Segments(std::optional<std::uint64_t> size, Intervals done, std::uint64_t min_split);

    /// Cuts what is missing into `ways` about equal segments. A taken one keeps its front.
    void spread(std::size_t ways);

    /// Takes the first free segment, else half of the largest taken one; nullopt when what is
    /// left is not worth another connection, or all is there.
    [[nodiscard]] std::optional<Id> take();
    /// Gives a segment up; whatever is missing of it is free.
    void release(Id id);

    /// Where its next byte belongs.
    [[nodiscard]] std::uint64_t position(Id id) const { return segments_[id].interval.begin; }
    /// Where it ends now: another connection may have taken the rest of it meanwhile.
    [[nodiscard]] std::uint64_t end(Id id) const { return segments_[id].interval.end; }
    [[nodiscard]] bool finished(Id id) const { return position(id) == end(id); }
    /// The next `bytes` bytes of it are in the file. Those past its end are not counted.
    void advance(Id id, std::uint64_t bytes);

    /// The server has said how large the file is; until then it was unknown.
    void learn_size(std::uint64_t size);
    /// The end of the stream turned out to be where the endless segment is now.
    void end_here(Id id);

    [[nodiscard]] const Intervals& done() const { return done_; }
    [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }
    [[nodiscard]] bool complete() const { return size_ && done_.bytes() == *size_; }
    [[nodiscard]] std::uint64_t missing() const;

  private:
    struct Segment {
        Interval interval;  // what is missing of it
        bool taken = false;
    };
    Id add(Interval interval, bool taken);

    std::optional<std::uint64_t> size_;
    Intervals done_;
    std::uint64_t min_split_;
    std::vector<Segment> segments_;
};

}  // namespace spate::fetch
