// Whether, and when, to try again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

#include <spate/time.hpp>

namespace spate::fetch {

/// Statuses that speak of a moment, not of the file (curl's list): 408, 429, 500, 502, 503, 504,
/// 522, 524.
[[nodiscard]] bool is_transient(int status);

/// Whether an errno of a connection says that the network, not this machine, is in the way.
[[nodiscard]] bool is_network_error(int code);

/// Among those, what a first contact takes for an answer: nobody listens there, no way leads
/// there. Once the server has been heard, the same is an outage, and worth waiting for.
[[nodiscard]] bool is_final_at_first_contact(int code);

struct RetryPolicy {
    unsigned attempts = 5;  ///< Further ones after the first, without a new byte between them.
    Duration first_delay = std::chrono::seconds(1);
    Duration longest_delay = std::chrono::minutes(10);
    bool constant_delay = false;  ///< first_delay each time (--retry-delay).
    /// A server that asks for more than this is not waited for.
    Duration longest_retry_after = std::chrono::hours(1);
};

/// Counts attempts and says how long to wait before the next: doubling, minus up to a half drawn
/// by lot, so that clients cut off together do not come back together.
class Backoff {
  public:
    Backoff(const RetryPolicy& policy, std::uint64_t seed) : policy_(policy), lots_(seed) {}

    /// The delay before the next attempt, at least what the server asked for; nullopt when there
    /// is none left, or the server asks for too much.
    [[nodiscard]] std::optional<Duration> next(std::optional<std::uint64_t> retry_after_s = {});
    /// New bytes came: the count begins again.
    void progressed() { failures_ = 0; }
    /// Attempts that failed since then.
    [[nodiscard]] unsigned failures() const { return failures_; }

  private:
    RetryPolicy policy_;
    std::minstd_rand lots_;
    unsigned failures_ = 0;
};

}  // namespace spate::fetch
