// In which order a name's addresses are tried: pure, no sockets.
#pragma once

#include <vector>

#include <spate/address.hpp>

namespace spate {

/// The families in turn, each in the order it had, beginning with the first's (RFC 8305, section
/// 4): a name whose many IPv6 addresses lead nowhere is not waited for through all of them.
[[nodiscard]] std::vector<Address> alternate_families(const std::vector<Address>& addresses);

}  // namespace spate
