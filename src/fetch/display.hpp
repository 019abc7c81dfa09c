// What `spate get` says while it works, on standard error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <spate/loop.hpp>
#include <spate/task.hpp>

#include "fetch/batch.hpp"
#include "fetch/download.hpp"
#include "term/rate.hpp"
#include "term/screen.hpp"
#include "term/writer.hpp"

namespace spate::fetch {

/// On a terminal a line for each download, drawn over ten times a second; elsewhere a plain line
/// for each every few seconds. One line for each that has ended, in both. No download waits for
/// the terminal.
class Display {
  public:
    /// `quiet`: failures only.
    Display(Loop& loop, bool quiet);

    /// Shows what `batch` has running, until it is stopped.
    [[nodiscard]] Task<void> run(const Batch& batch);
    /// Has all of it written; asked to stop, as far as the terminal takes it at once. The last
    /// call.
    [[nodiscard]] Task<void> finish();

    /// One line about a download that has ended.
    void ended(const http::Url& url, const Outcome& outcome);
    /// A line about all of them.
    void complain(std::string_view text);

  private:
    struct Rate {
        TimePoint began;  // tells a download from an earlier one at the same address
        term::RateEstimator estimator;
    };
    void sample(const std::list<Download>& downloads);
    void draw(const Batch& batch);
    void print_plain(const Batch& batch);
    void print_line(const std::string& line);

    Loop& loop_;
    bool quiet_;
    term::Screen screen_;
    term::LiveLines live_;
    std::vector<std::string> lines_;  // as drawn last
    std::unordered_map<const Download*, Rate> rates_;
    TimePoint printed_at_;
    term::Writer writer_;
};

}  // namespace spate::fetch
