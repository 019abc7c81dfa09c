// HTTP dates: written one way, read three ways (RFC 9110 §5.6.7).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace spate::http {

using DateBuffer = std::array<char, 29>;

/// "Sun, 06 Nov 1994 08:49:37 GMT", viewing `buffer`. Times outside of the years 0 to 9999 become
/// the nearest one inside. Independent of locale and time zone.
std::string_view format_date(std::int64_t unix_s, DateBuffer& buffer);

/// Reads IMF-fixdate, RFC 850 and asctime dates; nullopt for anything else. The day's name must
/// be one, but need not fit the date. A two-digit year more than 50 years after `now_s` is taken
/// for the past.
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t now_s);

}  // namespace spate::http
