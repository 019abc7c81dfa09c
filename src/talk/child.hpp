// A program whose standard input and output are a socket.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <memory>
#include <string>

#include <spate/address.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate::talk {

class Child {
  public:
    /// Runs `command` by /bin/sh -c in a process group of its own. The socket is the program's
    /// alone. Starts nothing where its end could not be told: no descriptor is left for that.
    static Result<std::unique_ptr<Child>> start(const std::string& command, Fd socket);

    /// Waits for its end and reaps it: its exit status, or 128 and a signal's number. When the
    /// connection is gone before, reset or ended both ways, its process group gets SIGHUP, asked
    /// to stop SIGTERM, and SIGKILL where that is not heeded for two seconds.
    [[nodiscard]] Task<int> ended(Loop& loop);
    /// SIGKILL to its process group.
    void kill() { signal(SIGKILL); }

  private:
    Child(pid_t pid, Fd handle, Fd connection)
        : pid_(pid), handle_(std::move(handle)), connection_(std::move(connection)) {}
    [[nodiscard]] Task<Result<int>> status(Loop& loop);
    [[nodiscard]] Task<Result<void>> connection_lost(Loop& loop);
    void signal(int number);

    pid_t pid_;
    Fd handle_;      // pidfd_open(2)
    Fd connection_;  // readable when that is gone
    bool has_ended_ = false;
};

/// A peer on this host: loopback, or a Unix socket.
[[nodiscard]] bool is_local(const Address& peer);

}  // namespace spate::talk
