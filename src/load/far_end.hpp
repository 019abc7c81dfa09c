// The client's line to the far end of a one-way run: agrees on the run, asks for its counts.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>

#include <spate/condition.hpp>
#include <spate/task_group.hpp>
#include <spate/tcp.hpp>

#include "load/control_line.hpp"
#include "load/control_message.hpp"
#include "load/plan.hpp"

namespace spate::load {

/// Lives on the loop of the one who controls the run. Pinned; co_await close() before it dies.
/// Errors are sentences.
class FarEnd {
  public:
    /// `lost` is called when the far end is gone before it was asked to stop.
    FarEnd(Loop& loop, const Plan& plan, std::function<void()> lost);
    FarEnd(const FarEnd&) = delete;
    FarEnd& operator=(const FarEnd&) = delete;

    /// Connects, and proposes the run.
    [[nodiscard]] Task<std::expected<void, std::string>> open();
    /// Data may flow from now on.
    [[nodiscard]] Task<std::expected<void, std::string>> start();
    /// The warm-up is over.
    [[nodiscard]] Task<void> measure();
    /// It sends no more, and tells what it has counted, `by` then; `at_once`: without waiting for
    /// all that is on its way.
    [[nodiscard]] Task<std::expected<FarCounts, std::string>> stop(TimePoint by, bool at_once);
    /// Nothing that is asked of it, or was, is waited for any longer than that.
    void hurry(TimePoint by);
    [[nodiscard]] Task<void> close();

  private:
    // One at a time: answers carry no name.
    [[nodiscard]] Task<std::expected<std::string, std::string>> ask(std::string line, TimePoint by);
    [[nodiscard]] Task<void> listen();
    [[nodiscard]] std::string where() const;
    [[nodiscard]] TimePoint in_time() const;

    Loop& loop_;
    const Plan& plan_;
    std::function<void()> lost_;
    std::optional<TcpStream> stream_;
    std::optional<ControlLines> lines_;
    // What listen() has heard and nobody has taken yet.
    std::optional<std::string> answer_;
    std::string gone_;  // why there will be no more
    bool stopping_ = false;
    TimePoint latest_ = no_deadline;
    Semaphore turn_{1};
    Condition news_;  // an answer, or that there will be no more
    TaskGroup listening_;
};

}  // namespace spate::load
