// A program whose standard input and output are a socket.
#pragma once

#include <sys/types.h>

#include <string>

#include <spate/address.hpp>
#include <spate/fd.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate::talk {

class Child {
  public:
    /// Runs `command` by /bin/sh -c in a process group of its own. The socket is the child's alone.
    static Result<Child> start(const std::string& command, Fd socket);

    /// Waits for its end and reaps it: its exit status, or 128 and a signal's number.
    [[nodiscard]] Task<int> ended(Loop& loop);
    [[nodiscard]] pid_t group() const { return pid_; }

  private:
    Child(pid_t pid, Fd handle) : pid_(pid), handle_(std::move(handle)) {}
    pid_t pid_;
    Fd handle_;  // pidfd_open(2)
};

/// A peer on this host: loopback, or a Unix socket.
[[nodiscard]] bool is_local(const Address& peer);

}  // namespace spate::talk
