// From a URL to the addresses behind it.
#pragma once

#include <vector>

#include <spate/address.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

#include "fetch/options.hpp"
#include "http/url.hpp"

namespace spate::fetch {

/// Where to connect to for `url`, in the order to try. Names are looked up on a helper thread:
/// getaddrinfo(3) blocks for as long as name servers take.
[[nodiscard]] Task<Result<std::vector<Address>>> look_up(Loop& loop, Offload& offload,
                                                         const http::Url& url,
                                                         const NetworkOptions& options);

}  // namespace spate::fetch
