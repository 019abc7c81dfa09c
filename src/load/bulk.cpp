#include "load/bulk.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "load/random.hpp"

namespace spate::load {
namespace {

constexpr double news_per_s = 10;
constexpr double most_discarded = 1 << 20;

// Of chance: nothing on the way can compress it.
std::span<const std::byte> noise() {
    static const std::vector<std::byte> bytes = [] {
        std::vector<std::byte> made(bulk_bytes);
        SplitMix64 random(1);
        for (std::byte& byte : made)
            byte = static_cast<std::byte>(random.next());
        return made;
    }();
    return bytes;
}

}  // namespace

Task<Result<void>> send_bulk(TcpStream& stream, std::uint64_t bytes) {
    Result<void> sent;
    while (bytes > 0 && sent) {
        const auto part = noise().first(std::min<std::uint64_t>(bytes, bulk_bytes));
        sent = co_await stream.send(part);
        bytes -= part.size();
    }
    co_return sent;
}

std::uint64_t discard_bytes(double bytes_per_s) {
    if (bytes_per_s <= 0) return static_cast<std::uint64_t>(most_discarded);
    return static_cast<std::uint64_t>(std::clamp(bytes_per_s / news_per_s, 1.0, most_discarded));
}

}  // namespace spate::load
