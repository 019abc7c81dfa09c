// What one-way loads put on the wire: the head of each datagram, and what a stream begins with.
// docs/PROTOCOLS.md shows the bytes.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "load/plan.hpp"

namespace spate::load {

/// What the datagrams of a flow begin with; the rest of them is of no meaning.
struct DatagramHead {
    enum class Type : std::uint8_t {
        counting,  ///< Of the measured part, numbered from 0 on.
        warm_up,   ///< Before that: counts nowhere.
        knock,     ///< "Does this reach you? I am here."
        answer,    ///< To a knock.
    };
    Type type = Type::counting;
    std::uint32_t flow = 0;
    std::uint64_t run = 0;
    std::uint64_t number = 0;
    std::int64_t sent_ns = 0;  ///< By the sender's wall clock, since 1970.
};
constexpr std::size_t datagram_head_bytes = 32;
constexpr std::size_t most_datagram_bytes = 65'507;

/// Of the head, what is the same in all datagrams of one flow and type.
constexpr std::size_t flow_key_bytes = 16;
using FlowKey = std::array<std::byte, flow_key_bytes>;

/// Integers go in network order.
inline void store(std::byte* to, std::uint64_t value) {
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    std::memcpy(to, &value, sizeof value);
}
[[nodiscard]] inline std::uint64_t load_u64(const std::byte* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

[[nodiscard]] FlowKey flow_key(DatagramHead::Type type, std::uint64_t run, std::uint32_t flow);
/// `to` has room for a head.
void write_head(const DatagramHead& head, std::span<std::byte> to);
/// Nothing if it is too short, or not ours.
[[nodiscard]] std::optional<DatagramHead> read_head(std::span<const std::byte> datagram);

/// What a stream of data begins with: whose it is and which way its bytes go.
struct Preamble {
    std::uint64_t run = 0;
    std::uint32_t flow = 0;
    Direction direction = Direction::send;  ///< As the client sees it.
};
constexpr std::size_t preamble_bytes = 32;
/// Control connections begin with a brace instead.
constexpr char preamble_begin = 's';

[[nodiscard]] std::array<std::byte, preamble_bytes> encode(const Preamble& preamble);
/// Nothing if it is not ours to the last byte.
[[nodiscard]] std::optional<Preamble> read_preamble(std::span<const std::byte> bytes);

[[nodiscard]] inline bool sends(Direction direction) {
    return direction != Direction::receive;
}
[[nodiscard]] inline bool receives(Direction direction) {
    return direction != Direction::send;
}

}  // namespace spate::load
