#include "load/one_way.hpp"

#include <algorithm>

namespace spate::load {
namespace {

constexpr std::array<char, 3> datagram_magic{'S', 'L', '1'};
constexpr std::array<char, 16> stream_magic{'s', 'p', 'a', 't', 'e', '-', 's',  't',
                                            'r', 'e', 'a', 'm', '/', '1', '\r', '\n'};

void store_u32(std::byte* to, std::uint32_t value) {
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    std::memcpy(to, &value, sizeof value);
}

std::uint32_t load_u32(const std::byte* from) {
    std::uint32_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

template <std::size_t size>
bool begins_with(std::span<const std::byte> bytes, const std::array<char, size>& magic) {
    return std::memcmp(bytes.data(), magic.data(), size) == 0;
}

}  // namespace

FlowKey flow_key(DatagramHead::Type type, std::uint64_t run, std::uint32_t flow) {
    FlowKey key;
    std::memcpy(key.data(), datagram_magic.data(), datagram_magic.size());
    key[3] = static_cast<std::byte>(type);
    store_u32(key.data() + 4, flow);
    store(key.data() + 8, run);
    return key;
}

void write_head(const DatagramHead& head, std::span<std::byte> to) {
    std::ranges::copy(flow_key(head.type, head.run, head.flow), to.begin());
    store(to.data() + 16, head.number);
    store(to.data() + 24, static_cast<std::uint64_t>(head.sent_ns));
}

std::optional<DatagramHead> read_head(std::span<const std::byte> datagram) {
    if (datagram.size() < datagram_head_bytes || !begins_with(datagram, datagram_magic))
        return std::nullopt;
    const auto type = static_cast<DatagramHead::Type>(datagram[3]);
    if (type > DatagramHead::Type::answer) return std::nullopt;
    return DatagramHead{type, load_u32(datagram.data() + 4), load_u64(datagram.data() + 8),
                        load_u64(datagram.data() + 16),
                        static_cast<std::int64_t>(load_u64(datagram.data() + 24))};
}

std::array<std::byte, preamble_bytes> encode(const Preamble& preamble) {
    std::array<std::byte, preamble_bytes> bytes{};
    std::memcpy(bytes.data(), stream_magic.data(), stream_magic.size());
    store(bytes.data() + 16, preamble.run);
    store_u32(bytes.data() + 24, preamble.flow);
    bytes[28] = static_cast<std::byte>(preamble.direction);
    return bytes;
}

std::optional<Preamble> read_preamble(std::span<const std::byte> bytes) {
    if (bytes.size() != preamble_bytes || !begins_with(bytes, stream_magic)) return std::nullopt;
    const auto direction = static_cast<Direction>(bytes[28]);
    const auto rest = bytes.subspan(29);
    if (direction > Direction::both ||
        std::ranges::any_of(rest, [](std::byte byte) { return byte != std::byte{0}; }))
        return std::nullopt;
    return Preamble{load_u64(bytes.data() + 16), load_u32(bytes.data() + 24), direction};
}

}  // namespace spate::load
