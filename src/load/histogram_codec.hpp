// A histogram as text: HdrHistogram's V2 encoding, compressed, in base64, which its tools read.
#pragma once

#include <string>
#include <string_view>

#include "load/histogram.hpp"
#include "term/units.hpp"

namespace spate::load {

/// "HISTFAAAA...": what stands in .hlog files and in reports.
[[nodiscard]] std::string encode(const Histogram& histogram);

/// The same back, of ours and of other programs. A histogram of another precision is recorded
/// anew, each value as the lowest of its slot. Errors: one line saying what is wrong with the
/// text; among them a value of more than an hour. Takes at most `decoded_limit` bytes of memory
/// besides the histogram's, however much the text claims to hold.
[[nodiscard]] term::Parsed<Histogram> decode(std::string_view text);

/// Of counts when decompressed. Ours have at most 300 KiB; this is enough for five digits.
inline constexpr std::size_t decoded_limit = std::size_t{4} << 20;

}  // namespace spate::load
