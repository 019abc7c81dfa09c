// The far end's first thread: accepts, agrees on runs, and asks the others what they counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <spate/condition.hpp>
#include <spate/engine.hpp>
#include <spate/stop.hpp>
#include <spate/tcp.hpp>

#include "load/control_line.hpp"
#include "load/sink_worker.hpp"

namespace spate::load {

class SinkControl {
  public:
    /// `workers` have their loops in `engine`, all outlive it.
    SinkControl(Loop& loop, Engine& engine, std::vector<std::unique_ptr<SinkWorker>>& workers,
                const SinkOptions& options, Fd listener);

    /// Until a signal comes or, if that is asked for, a run is over.
    [[nodiscard]] Task<void> run(Signals& signals);
    /// Connections that made no sense.
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    [[nodiscard]] Task<void> heed(Signals& signals);
    [[nodiscard]] Task<void> accept_all();
    [[nodiscard]] Task<void> receive(Fd socket);
    [[nodiscard]] Task<std::optional<char>> first_byte(int fd);
    void hand_over(Fd socket);
    [[nodiscard]] Task<void> converse(Fd socket);
    [[nodiscard]] Task<void> agree(TcpStream& stream);
    [[nodiscard]] Task<bool> make_run(TcpStream& stream, ControlLines& lines, const Hello& hello);
    [[nodiscard]] Task<void> obey(ControlLines& lines, const Hello& hello);
    [[nodiscard]] Task<void> end_run(const Hello& hello);
    [[nodiscard]] std::string admit(const Hello& hello) const;
    /// Does `work` for each worker, on its thread; goes on when the last is done. Throws
    /// std::bad_alloc if it could not be done for all.
    using Done = std::function<void()>;
    using Work = std::function<void(std::size_t worker, const Done& done)>;
    [[nodiscard]] Task<void> everywhere(Work work);
    [[nodiscard]] Task<FarCounts> stop_everywhere(std::uint64_t run, bool at_once);
    void stop();

    Loop& loop_;
    Engine& engine_;
    std::vector<std::unique_ptr<SinkWorker>>& workers_;
    const SinkOptions& options_;
    TcpListener listener_;
    std::set<std::uint64_t> runs_;
    std::uint64_t flows_ = 0;  // of all runs
    std::size_t connections_ = 0;
    std::size_t next_worker_ = 0;
    std::uint64_t refused_ = 0;
    StopSource stop_;
    Condition ended_;  // the last connection has
};

}  // namespace spate::load
