// Sizes, rates, durations and counts, read from people and shown to them: the one way to do either.
//
// One convention for bytes: k, M, G, T (and KiB, MiB, GiB, TiB) are powers of 1024, as curl, wget
// and aria2 read them, and everything shown is in KiB, MiB, GiB. KB, MB, GB, TB are powers of 1000,
// which is what the boxes that disks come in mean by them. Case does not matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace spate::term {

/// A value, or one line saying what is wrong with the text and what to write instead.
template <typename T>
using Parsed = std::expected<T, std::string>;

/// Bytes: "1024", "64k", "1.5M", "10G", "1KiB", "100MB". A space before the unit is allowed, so
/// that what format_size writes can be read back; fractions of a byte are rounded.
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);

/// Bytes per second: any size, with or without "/s" behind it.
[[nodiscard]] Parsed<std::uint64_t> parse_rate(std::string_view text);

/// Times per second: "250", "0.5", "10k", "1.5M", "50000/s". Here k, M and G are powers of 1000,
/// since nobody counts requests by 1024.
[[nodiscard]] Parsed<double> parse_frequency(std::string_view text);

/// "10s", "500ms", "250us", "2m", "1h30m", "1m 05s", "1.5s", "1d"; a bare number is seconds. Never
/// negative.
[[nodiscard]] Parsed<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// "0 B", "999 B", "1.5 MiB", "16.0 EiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// "12.3 MiB/s". A negative rate or one that is not a number shows as "0 B/s".
[[nodiscard]] std::string format_rate(double bytes_per_s);

/// "850 ns", "12 us", "350 ms", "1.5 s", "1m 05s", "2h 03m", "3d 04h". Negative shows as "0 ms".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

/// The same for lines dense with times, to two digits or three: "0", "850ns", "1.2us", "182us",
/// "3.4ms", "960ms", "1.2s", "12.3s", "1m05s", "2h03m". parse_duration reads it.
[[nodiscard]] std::string format_duration_short(std::chrono::nanoseconds duration);

/// As networks count, in powers of 1000: "0 bit/s", "999 bit/s", "1.5 Mbit/s", "9.41 Gbit/s".
[[nodiscard]] std::string format_bit_rate(double bits_per_s);

/// How often: "49,998/s", and below ten a second "0.25/s". Not a number shows as "0/s".
[[nodiscard]] std::string format_frequency(double per_s);

/// "12,345".
[[nodiscard]] std::string format_count(std::uint64_t count);

}  // namespace spate::term
