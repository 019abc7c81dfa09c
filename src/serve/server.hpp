// The whole file service, from its options to its exit code.
#pragma once

#include "serve/options.hpp"

namespace spate::serve {

/// Exit codes, after sysexits(3) where that has one.
enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_no_folder = 66,    ///< EX_NOINPUT
    exit_no_io_uring = 69,  ///< EX_UNAVAILABLE
};

/// Serves until SIGINT or SIGTERM, says on stderr what can be opened and what went wrong.
[[nodiscard]] int run_server(const ServeOptions& options);

}  // namespace spate::serve
