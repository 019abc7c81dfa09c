// Conditional requests (RFC 9110 §13): whether to send the file, and whether its range applies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.hpp"

namespace spate::http {

/// What the selected representation is known by now.
struct Validators {
    std::string_view etag;  ///< As sent, with quotes and any W/. Empty where there is none.
    /// The file is so young that another write may leave the validators as they are.
    bool weak = false;
    std::optional<std::int64_t> last_modified_s;  ///< Unix time.
};

enum class Precondition : std::uint8_t {
    proceed,
    not_modified,  ///< 304
    failed,        ///< 412
};

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of
/// RFC 9110 §13.2.2. To be called where the answer without conditions would be a 200 (or 206).
/// `now_s` settles the century of two-digit years.
[[nodiscard]] Precondition evaluate(const Request& request, const Validators& current,
                                    std::int64_t now_s);

/// Whether the Range field counts: a GET, and If-Range absent or true. An entity tag is compared
/// strongly; a date must be the very same, and the file old enough to trust it (§13.1.5).
[[nodiscard]] bool range_applies(const Request& request, const Validators& current,
                                 std::int64_t now_s);

}  // namespace spate::http
