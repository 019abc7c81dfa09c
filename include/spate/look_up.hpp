// Names to addresses, without blocking a loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <spate/address.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate {

/// resolve() on a helper thread: what the system's resolver knows (nsswitch.conf(5): files, DNS,
/// mDNS, LDAP). Look-ups run side by side, so that a name nobody answers for holds no other up.
/// Errors: resolve()'s; ETIMEDOUT when `patience` is over, the thread is then left behind; EBUSY
/// when too many wait already.
[[nodiscard]] Task<Result<std::vector<Address>>> look_up(Loop& loop, Offload& offload,
                                                         std::string host, std::uint16_t port,
                                                         Duration patience = no_patience_limit);

}  // namespace spate
