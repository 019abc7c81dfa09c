// The listening sockets of a file service, all opened before the first request is answered.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "serve/core.hpp"
#include "serve/options.hpp"

namespace spate::serve {

struct Sockets {
    std::vector<std::vector<Listening>> by_core;
    std::vector<std::string> urls;  ///< What can be opened, with the real ports.
};

/// One SO_REUSEPORT socket a core and address; Unix sockets and those that a service manager
/// passed are shared. The error is one line for the user.
std::expected<Sockets, std::string> open_sockets(const ServeOptions& options, std::size_t cores);

}  // namespace spate::serve
