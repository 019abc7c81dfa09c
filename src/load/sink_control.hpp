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

#include <spate/engine.hpp>
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
    [[nodiscard]] Task<void> receive(Fd socket);
    [[nodiscard]] Task<std::optional<char>> first_byte(int fd);
    void hand_over(Fd socket);
    [[nodiscard]] Task<void> converse(Fd socket);
    [[nodiscard]] Task<bool> make_run(TcpStream& stream, ControlLines& lines, const Hello& hello);
    [[nodiscard]] Task<void> obey(ControlLines& lines, const Hello& hello);
    [[nodiscard]] std::string admit(const Hello& hello) const;
    /// On every worker's thread; goes on when the last is done.
    using Work = std::function<void(SinkWorker&)>;
    [[nodiscard]] Task<void> everywhere(Work work);
    [[nodiscard]] Task<FarCounts> stop_everywhere(std::uint64_t run);
    void stop();

    Loop& loop_;
    Engine& engine_;
    std::vector<std::unique_ptr<SinkWorker>>& workers_;
    const SinkOptions& options_;
    TcpListener listener_;
    std::set<std::uint64_t> runs_;
    std::uint64_t flows_ = 0;  // of all runs
    std::set<TcpStream*> conversations_;
    std::size_t connections_ = 0;
    std::size_t next_worker_ = 0;
    std::uint64_t refused_ = 0;
    std::set<int> silent_;  // connections without a first byte
    bool stopping_ = false;
    Event moved_;  // a connection has ended
};

}  // namespace spate::load
