#include "load/histogram_codec.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

// The format is what HdrHistogram's AbstractHistogram.encodeIntoCompressedByteBuffer writes: all
// integers big-endian, the counts as ZigZag LEB128, a negative one for as many empty slots.
namespace spate::load {
namespace {

using Bytes = std::vector<unsigned char>;
using View = std::span<const unsigned char>;

constexpr std::uint32_t plain_cookie = 0x1c849303 | 0x10;
constexpr std::uint32_t compressed_cookie = 0x1c849304 | 0x10;
constexpr std::size_t header_size = 40;
constexpr std::size_t envelope_size = 8;  // The cookie and the size of what is compressed.
constexpr std::size_t longest_count = 9;  // Seven bits a byte, and all eight of the ninth.
// Deflate makes nothing smaller than this (zlib.net/zlib_tech.html).
constexpr std::size_t best_ratio = 1032;

void put(Bytes& out, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        out.push_back(static_cast<unsigned char>(value >> shift));
}

std::uint64_t get(View bytes) {
    std::uint64_t value = 0;
    for (const unsigned char byte : bytes)
        value = value << 8 | byte;
    return value;
}

void put_count(Bytes& out, std::int64_t count) {
    std::uint64_t rest =
        static_cast<std::uint64_t>(count) << 1 ^ (count < 0 ? ~std::uint64_t{0} : std::uint64_t{0});
    for (std::size_t i = 0; i < longest_count - 1; ++i) {
        if (rest < 0x80) break;
        out.push_back(static_cast<unsigned char>(rest | 0x80));
        rest >>= 7;
    }
    out.push_back(static_cast<unsigned char>(rest));
}

std::optional<std::int64_t> take_count(View& bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < std::min(longest_count, bytes.size()); ++i) {
        const unsigned char byte = bytes[i];
        const bool last = i == longest_count - 1 || byte < 0x80;
        const std::uint64_t bits = i == longest_count - 1 ? byte : byte & 0x7fU;
        value |= bits << (7 * i);
        if (!last) continue;
        bytes = bytes.subspan(i + 1);
        return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
    }
    return std::nullopt;
}

void put_counts(Bytes& out, const Histogram& histogram) {
    // An empty one has its first slot written, as HdrHistogram does.
    const std::size_t end = std::max<std::size_t>(histogram.end_slot(), 1);
    for (std::size_t slot = 0; slot < end;) {
        std::size_t empty = 0;
        while (slot + empty < end && histogram.count_in(slot + empty) == 0)
            ++empty;
        if (empty > 1) {
            put_count(out, -static_cast<std::int64_t>(empty));
            slot += empty;
        } else {
            put_count(out, static_cast<std::int64_t>(histogram.count_in(slot)));
            ++slot;
        }
    }
}

std::string base64(View bytes) {
    // With room for the 0 that OpenSSL ends it with.
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

using Failed = std::unexpected<std::string>;

term::Parsed<Bytes> from_base64(std::string_view text) {
    const auto is_digit = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/';
    };
    // What decompresses to no more than the limit is not longer than that itself.
    if (text.size() > decoded_limit * 2) return Failed("a histogram is too long");
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    const std::string_view digits = text.substr(0, text.size() - padding);
    // OpenSSL itself skips spaces.
    if (text.empty() || text.size() % 4 != 0 || !std::ranges::all_of(digits, is_digit)) {
        return Failed("a histogram is not base64");
    }
    Bytes bytes(text.size() / 4 * 3);
    const int size =
        EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size()));
    if (size != static_cast<int>(bytes.size())) return Failed("a histogram is not base64");
    bytes.resize(bytes.size() - padding);
    return bytes;
}

/// Another program's slots: HdrHistogram's layout for any precision and range.
struct Layout {
    unsigned unit_bits = 0;
    unsigned half_bits = 0;
    std::size_t slots = 0;

    [[nodiscard]] std::uint64_t lowest_in(std::size_t slot) const {
        const std::size_t row = slot >> half_bits;
        const std::size_t bucket = row == 0 ? 0 : row - 1;
        return (slot - (bucket << half_bits)) << (bucket + unit_bits);
    }
};

term::Parsed<Layout> layout_of(std::uint64_t digits, std::uint64_t lowest, std::uint64_t highest) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (digits > 5) return Failed(fmt::format("a histogram has {} significant digits", digits));
    if (lowest < 1 || highest > most || lowest > highest / 2) {
        return Failed(fmt::format("a histogram has a range of {} to {}", lowest, highest));
    }
    constexpr std::uint64_t told_apart[] = {2, 20, 200, 2000, 20'000, 200'000};
    Layout layout;
    layout.unit_bits = static_cast<unsigned>(std::bit_width(lowest)) - 1;
    layout.half_bits = static_cast<unsigned>(std::bit_width(told_apart[digits] - 1)) - 1;
    const unsigned first_bits = layout.unit_bits + layout.half_bits + 1;
    if (first_bits > 62) return Failed("a histogram's lowest value is too high for its digits");
    const auto bits = static_cast<unsigned>(std::bit_width(highest));
    const std::size_t buckets = bits > first_bits ? bits - first_bits + 1 : 1;
    layout.slots = (buckets + 1) << layout.half_bits;
    return layout;
}

/// A stream of zlib's, to its end.
class Inflation {
  public:
    explicit Inflation(View compressed) {
        // zlib does not write through it, but says so only when told to.
        stream_.next_in = const_cast<unsigned char*>(compressed.data());
        stream_.avail_in = static_cast<uInt>(compressed.size());
        usable_ = inflateInit(&stream_) == Z_OK;
    }
    ~Inflation() { inflateEnd(&stream_); }
    Inflation(const Inflation&) = delete;
    Inflation& operator=(const Inflation&) = delete;

    /// Whether there was enough to fill `out`.
    [[nodiscard]] bool fill(std::span<unsigned char> out) {
        stream_.next_out = out.data();
        stream_.avail_out = static_cast<uInt>(out.size());
        if (usable_) status_ = inflate(&stream_, Z_SYNC_FLUSH);
        return usable_ && (status_ == Z_OK || status_ == Z_STREAM_END) && stream_.avail_out == 0;
    }
    /// Whether it ends here, checksum and all, with nothing behind it.
    [[nodiscard]] bool at_end() {
        unsigned char surplus = 0;
        const bool more = status_ != Z_STREAM_END && fill({&surplus, 1});
        return !more && status_ == Z_STREAM_END && stream_.avail_in == 0;
    }

  private:
    z_stream stream_{};
    int status_ = Z_OK;
    bool usable_ = false;
};

struct Encoded {
    Layout layout;
    Bytes counts;
};

term::Parsed<Encoded> inflate_all(View compressed) {
    Inflation inflation(compressed);
    unsigned char header[header_size];
    if (!inflation.fill(header)) return Failed("a histogram does not decompress");
    const View fields(header);
    if (get(fields.first(4)) != plain_cookie) return Failed("a histogram is not of version 2");
    const std::uint64_t size = get(fields.subspan(4, 4));
    // Not looked at: the normalizing offset at 8, which tells how the counts lay in the writer's
    // memory (hdr-histogram-js writes 1), and the ratio at 32, for histograms of fractions.
    const auto layout = layout_of(get(fields.subspan(12, 4)), get(fields.subspan(16, 8)),
                                  get(fields.subspan(24, 8)));
    if (!layout) return Failed(layout.error());
    if (size >
        std::min({decoded_limit, layout->slots * longest_count, compressed.size() * best_ratio})) {
        return Failed(fmt::format("a histogram claims {} bytes of counts", size));
    }
    Encoded encoded{*layout, Bytes(size)};
    if (!inflation.fill(encoded.counts) || !inflation.at_end()) {
        return Failed("a histogram does not decompress to the size that it claims");
    }
    return encoded;
}

term::Parsed<Histogram> count_up(const Encoded& encoded) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    Histogram histogram;
    std::size_t slot = 0;
    for (View rest = encoded.counts; !rest.empty();) {
        const auto count = take_count(rest);
        if (!count) return Failed("a histogram's counts break off");
        const std::uint64_t slots =
            *count < 0 ? ~static_cast<std::uint64_t>(*count) + 1 : std::uint64_t{1};
        if (slots > encoded.layout.slots - slot) return Failed("a histogram has too many counts");
        if (*count > 0) {
            const std::uint64_t value = encoded.layout.lowest_in(slot);
            if (value > Histogram::highest) return Failed("a histogram has values above an hour");
            const auto times = static_cast<std::uint64_t>(*count);
            if (times > most - histogram.count()) return Failed("a histogram's counts overflow");
            histogram.record(value, times);
        }
        slot += slots;
    }
    return histogram;
}

}  // namespace

std::string encode(const Histogram& histogram) {
    Bytes counts;
    put_counts(counts, histogram);
    Bytes plain;
    plain.reserve(header_size + counts.size());
    put(plain, plain_cookie, 4);
    put(plain, counts.size(), 4);
    put(plain, 0, 4);  // Nothing is shifted.
    put(plain, Histogram::significant_digits, 4);
    put(plain, Histogram::lowest, 8);
    put(plain, Histogram::highest, 8);
    put(plain, std::bit_cast<std::uint64_t>(1.0), 8);  // Values are integers.
    plain.insert(plain.end(), counts.begin(), counts.end());

    uLongf size = compressBound(static_cast<uLong>(plain.size()));
    Bytes out(envelope_size + size);
    const int status = compress2(out.data() + envelope_size, &size, plain.data(),
                                 static_cast<uLong>(plain.size()), Z_DEFAULT_COMPRESSION);
    assert(status == Z_OK);  // It fails for want of memory or room, and there is both.
    static_cast<void>(status);
    out.resize(envelope_size + size);
    Bytes envelope;
    put(envelope, compressed_cookie, 4);
    put(envelope, size, 4);
    std::ranges::copy(envelope, out.begin());
    return base64(out);
}

term::Parsed<Histogram> decode(std::string_view text) {
    const auto bytes = from_base64(text);
    if (!bytes) return Failed(bytes.error());
    if (bytes->size() < envelope_size) return Failed("a histogram breaks off");
    const View all(*bytes);
    if (get(all.first(4)) != compressed_cookie) {
        return Failed("a histogram is not HdrHistogram's compressed version 2");
    }
    const View compressed = all.subspan(envelope_size);
    if (get(all.subspan(4, 4)) != compressed.size()) {
        return Failed("a histogram is longer or shorter than it claims");
    }
    const auto encoded = inflate_all(compressed);
    if (!encoded) return Failed(encoded.error());
    return count_up(*encoded);
}

}  // namespace spate::load
