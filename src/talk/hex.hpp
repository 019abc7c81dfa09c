// Bytes as hexadecimal digits, and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace spate::talk {

/// Lines of 16 bytes as `hexdump -C` shows them; the first byte is number `offset`. Empty for no
/// bytes.
[[nodiscard]] std::string hex_dump(std::span<const std::byte> bytes, std::uint64_t offset = 0);

/// "48 65:6c,6c 0x6f", in any grouping of whole bytes, to "Hello". The error says what is wrong.
[[nodiscard]] std::expected<std::string, std::string> parse_hex(std::string_view text);

}  // namespace spate::talk
