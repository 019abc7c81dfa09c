// What a person reads and types, and what of it is on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "talk/encoding.hpp"
#include "talk/stamp.hpp"

namespace spate::talk {

/// How lines end on the wire.
enum class LineEnd : std::uint8_t { feed, return_feed, null };

struct TextOptions {
    std::string encoding;  ///< As iconv(3) names it; empty leaves bytes as they are.
    bool hex = false;      ///< Received bytes show as hex dumps.
    StampMode stamps = StampMode::none;
    LineEnd line_end = LineEnd::feed;
    std::string dump;  ///< File that records what goes both ways; empty for none.

    /// Bytes pass as they are, both ways.
    [[nodiscard]] bool plain() const {
        return encoding.empty() && !hex && stamps == StampMode::none && line_end == LineEnd::feed &&
               dump.empty();
    }
};

/// From typed text to the wire.
class TextToWire {
  public:
    static std::expected<TextToWire, EncodingError> open(const TextOptions& options);

    /// A line, without its end, as bytes with the wire's end of line.
    [[nodiscard]] std::expected<std::string, EncodingError> line(std::string_view text);
    /// Text as it is: no line's end is added.
    [[nodiscard]] std::expected<std::string, EncodingError> text(std::string_view text);

  private:
    explicit TextToWire(LineEnd line_end) : line_end_(line_end) {}
    LineEnd line_end_;
    std::optional<Encoder> encoder_;
};

/// From the wire to what is shown: decoded, with line feeds at the ends of lines, stamped at the
/// beginnings, or dumped. For one stream, or one datagram after the other.
class WireToText {
  public:
    static std::expected<WireToText, EncodingError> open(const TextOptions& options);

    /// A piece of a stream.
    [[nodiscard]] std::string stream(std::span<const std::byte> bytes, WallTime now);
    /// The stream ended.
    [[nodiscard]] std::string end_of_stream();
    /// A whole message as text, without a line's end at its end. Never ends inside a sequence.
    [[nodiscard]] std::string message(std::span<const std::byte> bytes);
    /// The time to show before a message.
    [[nodiscard]] std::string stamp(WallTime now) { return stamps_.next(now); }

  private:
    explicit WireToText(const TextOptions& options)
        : hex_(options.hex),
          line_end_(options.line_end),
          stamped_(options.stamps != StampMode::none),
          stamps_(options.stamps) {}
    void decode(std::span<const std::byte> bytes, std::string& text);
    [[nodiscard]] std::string with_line_feeds(std::string_view text);
    [[nodiscard]] std::string with_stamps(std::string_view text, WallTime now);

    bool hex_;
    LineEnd line_end_;
    bool stamped_;
    Stamps stamps_;
    std::optional<Decoder> decoder_;
    std::uint64_t offset_ = 0;  // of the stream, for dumps
    bool at_line_start_ = true;
    bool return_waits_ = false;  // one that may be followed by a line feed
};

/// `text` without what would act on a terminal: control characters but for line feeds and tabs
/// become \xNN. Not for bytes that a program reads.
[[nodiscard]] std::string harmless(std::string_view text);

}  // namespace spate::talk
