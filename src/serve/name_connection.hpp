// One connection of the name protocol: a name comes, the file goes.
#pragma once

#include <string>

#include <spate/fd.hpp>
#include <spate/task.hpp>

namespace spate::serve {

class Core;

/// Serves to the end of the connection. `host` is the peer's address where it is wanted.
Task<void> serve_name(Core& core, Fd socket, std::string host);

}  // namespace spate::serve
