// One HTTP connection, from its first byte to its last.
#pragma once

#include <string>

#include <spate/fd.hpp>
#include <spate/task.hpp>

namespace spate::serve {

class Core;

/// Serves to the end of the connection. `host` is the peer's address where it is wanted.
Task<void> serve_http(Core& core, Fd socket, std::string host);

}  // namespace spate::serve
