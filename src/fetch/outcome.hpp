// How a download ends: the exit codes of `spate get`, and why something failed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace spate::fetch {

/// Exit codes; docs/GET.md lists them for people. Of several downloads the first failure's counts.
enum class Exit : int {
    ok = 0,
    usage = 2,
    resolve = 3,       ///< The host's name leads to no address.
    connect = 4,       ///< Nothing answers there.
    refused = 5,       ///< The server says no: an error status, or nothing at all over name://.
    nonsense = 6,      ///< An answer that can't be understood or trusted, or redirects in a circle.
    file = 7,          ///< Reading or writing here: permissions, a full disk, a folder in the way.
    checksum = 8,      ///< All there, and not what it should be.
    too_large = 9,     ///< More than --max-filesize.
    gave_up = 10,      ///< Broken off again and again; what came is kept for the next time.
    out_of_time = 11,  ///< --max-time is over; what came is kept.
    no_ring = 69,      ///< EX_UNAVAILABLE: the system refuses io_uring.
    interrupted = 130,  ///< SIGINT (SIGTERM: 143); what came is kept.
    broken_pipe = 141,  ///< Whoever read standard output stopped reading.
};

/// Why a download failed, in words for a person: "HTTP 404 Not Found".
struct [[nodiscard]] Failure {
    Exit exit = Exit::ok;
    std::string text;
};

[[nodiscard]] inline Failure out_of_time() {
    return {Exit::out_of_time, "out of time (--max-time)"};
}

/// A failure of one attempt.
struct [[nodiscard]] Trouble {
    Failure failure;
    bool passing = false;                        ///< Another attempt may fare better.
    std::optional<std::uint64_t> retry_after_s;  ///< When, if the server has said so.
};

/// One that no further attempt will cure.
inline Trouble final_trouble(Failure failure) {
    return {std::move(failure), false, std::nullopt};
}

}  // namespace spate::fetch
