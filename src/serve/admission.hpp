// How many connections there may be, over all cores.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace spate::serve {

/// From any thread.
class Admission {
  public:
    /// 0 is unlimited.
    Admission(std::uint64_t most, std::uint64_t most_per_host)
        : most_(most), most_per_host_(most_per_host) {}

    [[nodiscard]] bool is_full() const {
        return most_ != 0 && open_.load(std::memory_order_relaxed) >= most_;
    }
    [[nodiscard]] bool counts_hosts() const { return most_per_host_ != 0; }

    /// False if `host` (Address::host()) has all it may have; who comes by a Unix socket has no
    /// address to count by. An IPv6 address counts as its /64, which is what one customer or one
    /// machine gets, and each of the 2^64 addresses in it is free for the taking; link-local ones
    /// by their interface, too. Each true is followed by one leave().
    [[nodiscard]] bool enter(const std::string& host);
    void leave(const std::string& host);

  private:
    // Cores that accept at once seldom meet at the same lock.
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::string, std::uint64_t> connections;  // by network
    };
    [[nodiscard]] bool counts(const std::string& host) const;
    [[nodiscard]] Shard& shard_of(const std::string& network);

    std::uint64_t most_;
    std::uint64_t most_per_host_;
    std::atomic<std::uint64_t> open_{0};
    std::array<Shard, 16> shards_;
};

}  // namespace spate::serve
