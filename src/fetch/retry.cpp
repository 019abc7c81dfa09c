#include "fetch/retry.hpp"

#include <algorithm>
#include <cerrno>

namespace spate::fetch {

bool is_transient(int status) {
    switch (status) {
        case 408:
        case 429:
        case 500:
        case 502:
        case 503:
        case 504:
        case 522:
        case 524:
            return true;
        default:
            return false;
    }
}

bool is_network_error(int code) {
    switch (code) {
        case ECONNREFUSED:
        case ECONNRESET:
        case ECONNABORTED:
        case EPIPE:
        case ETIMEDOUT:
        case ENETDOWN:
        case ENETUNREACH:
        case ENETRESET:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENODATA:  // the stream ended before the body did
        case EAGAIN:   // the name server does not answer
            return true;
        default:
            return false;
    }
}

bool is_final_at_first_contact(int code) {
    return code == ECONNREFUSED || code == ENETUNREACH || code == EHOSTUNREACH;
}

std::optional<Duration> Backoff::next(std::optional<std::uint64_t> retry_after_s) {
    if (failures_ >= policy_.attempts) return std::nullopt;
    const unsigned doublings = policy_.constant_delay ? 0 : std::min(failures_, 30U);
    ++failures_;
    Duration delay = policy_.first_delay;
    for (unsigned i = 0; i < doublings && delay < policy_.longest_delay; ++i)
        delay *= 2;
    delay = std::min(delay, policy_.longest_delay);
    if (!policy_.constant_delay) {
        delay -=
            Duration(std::uniform_int_distribution<Duration::rep>(0, delay.count() / 2)(lots_));
    }
    if (retry_after_s) {
        const auto limit =
            std::chrono::duration_cast<std::chrono::seconds>(policy_.longest_retry_after);
        if (*retry_after_s > static_cast<std::uint64_t>(limit.count())) return std::nullopt;
        delay = std::max<Duration>(delay, std::chrono::seconds(*retry_after_s));
    }
    return delay;
}

}  // namespace spate::fetch
