#include "talk/text.hpp"

#include <fmt/format.h>

#include <utility>

#include "talk/hex.hpp"
#include "term/utf8.hpp"

namespace spate::talk {

std::expected<TextToWire, EncodingError> TextToWire::open(const TextOptions& options) {
    TextToWire wire(options.line_end);
    if (options.encoding.empty()) return wire;
    auto encoder = Encoder::open(options.encoding);
    if (!encoder) return std::unexpected(encoder.error());
    wire.encoder_ = std::move(*encoder);
    return wire;
}

std::expected<std::string, EncodingError> TextToWire::line(std::string_view line) {
    std::string whole(line);
    if (line_end_ == LineEnd::return_feed) whole += '\r';
    whole += line_end_ == LineEnd::null ? '\0' : '\n';
    // The end too is text: two bytes in UTF-16, and what leaves a mode in ISO-2022.
    if (encoder_) return encoder_->encode(whole);
    return whole;
}

std::expected<std::string, EncodingError> TextToWire::text(std::string_view text) {
    if (!encoder_) return std::string(text);
    auto bytes = encoder_->encode(text);
    if (bytes) encoder_->finish(*bytes);
    return bytes;
}

std::expected<WireToText, EncodingError> WireToText::open(const TextOptions& options) {
    WireToText wire(options);
    if (options.encoding.empty()) return wire;
    auto decoder = Decoder::open(options.encoding);
    if (!decoder) return std::unexpected(decoder.error());
    wire.decoder_ = std::move(*decoder);
    return wire;
}

void WireToText::decode(std::span<const std::byte> bytes, std::string& text) {
    if (decoder_)
        decoder_->decode(bytes, text);
    else
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string WireToText::with_line_feeds(std::string_view text) {
    std::string lines;
    for (const char each : text) {
        if (return_waits_ && each != '\n') lines += '\r';
        return_waits_ = line_end_ == LineEnd::return_feed && each == '\r';
        if (line_end_ == LineEnd::null && each == '\0')
            lines += '\n';
        else if (!return_waits_)
            lines += each;
    }
    return lines;
}

std::string WireToText::with_stamps(std::string_view text, WallTime now) {
    std::string stamped;
    for (const char each : text) {
        if (at_line_start_) stamped += stamps_.next(now);
        stamped += each;
        at_line_start_ = each == '\n';
    }
    return stamped;
}

std::string WireToText::stream(std::span<const std::byte> bytes, WallTime now) {
    if (hex_) {
        std::string text;
        if (stamped_) text = stamps_.next(now) + fmt::format("{} bytes\n", bytes.size());
        text += hex_dump(bytes, offset_);
        offset_ += bytes.size();
        return text;
    }
    std::string text;
    decode(bytes, text);
    if (line_end_ != LineEnd::feed) text = with_line_feeds(text);
    return stamped_ ? with_stamps(text, now) : text;
}

std::string WireToText::end_of_stream() {
    std::string text;
    if (hex_) return text;
    if (decoder_) decoder_->finish(text);
    if (std::exchange(return_waits_, false)) text.insert(text.begin(), '\r');
    return text;
}

std::string WireToText::message(std::span<const std::byte> bytes) {
    std::string text;
    decode(bytes, text);
    if (decoder_) decoder_->finish(text);
    if (line_end_ == LineEnd::null && text.ends_with('\0')) text.pop_back();
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

std::string harmless(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        const term::CodePoint point = term::decode_utf8(text);
        const std::string_view bytes = text.substr(0, point.length);
        const bool control = point.value < U' ' || (point.value >= 0x7f && point.value < 0xa0);
        if (point.valid && (!control || point.value == U'\n' || point.value == U'\t')) {
            safe += bytes;
        } else {
            for (const char byte : bytes)
                safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
        }
        text.remove_prefix(point.length);
    }
    return safe;
}

}  // namespace spate::talk
