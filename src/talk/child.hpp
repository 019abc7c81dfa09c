// A program whose standard input and output are a socket.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include <spate/address.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/timer.hpp>

namespace spate::talk {

class Child {
  public:
    /// Runs `command` by /bin/sh -c in a process group of its own. The socket is the program's
    /// alone. Starts nothing where its end could not be told: no descriptor is left for that.
    static Result<std::unique_ptr<Child>> start(const std::string& command, Fd socket);

    /// Waits for its end and reaps it: its exit status, or 128 and a signal's number. When the
    /// connection is gone before, reset or ended both ways, end(SIGHUP).
    [[nodiscard]] Task<int> ended(Loop& loop);
    /// Sends the signal to its process group, and SIGKILL where that is not heeded for a while.
    void end(Loop& loop, int signal);

  private:
    // SIGKILL, later.
    class LastResort : public Timer {
      public:
        explicit LastResort(Child& owner) : Timer(&due), child_(owner) {}

      private:
        static void due(Timer& timer);
        Child& child_;
    };

    Child(pid_t pid, Fd handle, Fd connection)
        : pid_(pid), handle_(std::move(handle)), connection_(std::move(connection)) {}
    [[nodiscard]] Task<void> end_with_connection(Loop& loop);

    pid_t pid_;
    Fd handle_;      // pidfd_open(2)
    Fd connection_;  // readable when that is gone
    bool has_ended_ = false;
    Event watch_ended_;
    std::unique_ptr<LastResort> last_resort_;
};

/// A peer on this host: loopback, or a Unix socket.
[[nodiscard]] bool is_local(const Address& peer);

}  // namespace spate::talk
