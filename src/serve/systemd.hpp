// What a service manager passes in and wants to hear: socket activation and readiness, by the
// protocols of sd_listen_fds(3) and sd_notify(3), without its library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <spate/fd.hpp>
#include <spate/result.hpp>

namespace spate::serve {

/// A listening stream socket that the service manager has opened.
struct PassedSocket {
    Fd fd;             ///< Close-on-exec.
    std::string name;  ///< FileDescriptorName= of its unit; "unknown" where none was given.
};

/// Takes the sockets meant for this process (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES) and removes
/// the variables, so that children do not take them again: call it once, before any thread is
/// started. Empty where nothing was passed. Errors: EINVAL for a malformed number, EBADF for one
/// more than there are, ENOTSOCK, ESOCKTNOSUPPORT for a socket that does not listen for streams.
Result<std::vector<PassedSocket>> take_passed_sockets();

/// A line to the service manager, if there is one. Connected when made, so that it works on in a
/// sandbox.
class Notifier {
  public:
    /// Connects to NOTIFY_SOCKET (a path, or "@abstract") and removes the variable. Where there is
    /// none, send() does nothing.
    static Result<Notifier> from_environment();

    [[nodiscard]] bool connected() const { return socket_.valid(); }

    /// Assignments, a line each: "READY=1\nSTATUS=Serving /srv", "STOPPING=1". Never blocks; what
    /// the other side has no room for is lost.
    void send(std::string_view state) const;

  private:
    Fd socket_;
};

}  // namespace spate::serve
