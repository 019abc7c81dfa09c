#include "talk/encoding.hpp"

#include <fmt/format.h>
#include <iconv.h>

#include <array>
#include <cerrno>

#include "term/escape.hpp"
#include "term/utf8.hpp"

namespace spate::talk {
namespace {

// No encoding has longer sequences; more than this is not the beginning of one.
constexpr std::size_t longest_sequence = 16;

std::expected<detail::Converter, EncodingError> open_converter(const std::string& to,
                                                               const std::string& from,
                                                               const std::string& named) {
    void* converter = ::iconv_open(to.c_str(), from.c_str());
    if (converter == reinterpret_cast<void*>(-1)) {
        return std::unexpected(fmt::format("'{}' is no encoding known here (iconv -l lists them)",
                                           term::printable(named)));
    }
    return detail::Converter(converter);
}

enum class Stopped { at_end, inside_a_sequence, at_a_fault };

// Converts what it can of `input`, which it shortens; appends to `output`.
Stopped convert(void* converter, std::string_view& input, std::string& output) {
    std::array<char, 4096> room;
    for (;;) {
        char* in = const_cast<char*>(input.data());
        std::size_t in_left = input.size();
        char* out = room.data();
        std::size_t out_left = room.size();
        const bool failed =
            ::iconv(converter, &in, &in_left, &out, &out_left) == static_cast<std::size_t>(-1);
        const int code = errno;
        output.append(room.data(), room.size() - out_left);
        input.remove_prefix(input.size() - in_left);
        if (!failed) return Stopped::at_end;
        if (code == EINVAL) return Stopped::inside_a_sequence;
        if (code != E2BIG) return Stopped::at_a_fault;
    }
}

void append_hex(std::string& text, std::string_view bytes) {
    for (const char byte : bytes)
        text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
}

}  // namespace

void detail::CloseConverter::operator()(void* converter) const {
    ::iconv_close(converter);
}

std::expected<Decoder, EncodingError> Decoder::open(const std::string& encoding) {
    auto converter = open_converter("UTF-8", encoding, encoding);
    if (!converter) return std::unexpected(converter.error());
    return Decoder(std::move(*converter));
}

void Decoder::decode(std::span<const std::byte> bytes, std::string& text) {
    kept_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::string_view input = kept_;
    for (;;) {
        const Stopped stopped = convert(converter_.get(), input, text);
        const bool waits = stopped == Stopped::inside_a_sequence && input.size() < longest_sequence;
        if (stopped == Stopped::at_end || waits) break;
        append_hex(text, input.substr(0, 1));
        input.remove_prefix(1);
    }
    kept_.erase(0, kept_.size() - input.size());
}

void Decoder::finish(std::string& text) {
    append_hex(text, kept_);
    kept_.clear();
    ::iconv(converter_.get(), nullptr, nullptr, nullptr, nullptr);
}

std::expected<Encoder, EncodingError> Encoder::open(const std::string& encoding) {
    auto converter = open_converter(encoding, "UTF-8", encoding);
    if (!converter) return std::unexpected(converter.error());
    return Encoder(std::move(*converter), encoding);
}

void Encoder::finish(std::string& bytes) {
    std::array<char, longest_sequence> room;
    char* out = room.data();
    std::size_t left = room.size();
    ::iconv(converter_.get(), nullptr, nullptr, &out, &left);
    bytes.append(room.data(), room.size() - left);
}

std::expected<std::string, EncodingError> Encoder::encode(std::string_view text) {
    std::string bytes;
    std::string_view input = text;
    const Stopped stopped = convert(converter_.get(), input, bytes);
    if (stopped == Stopped::at_end) return bytes;
    ::iconv(converter_.get(), nullptr, nullptr, nullptr, nullptr);
    const term::CodePoint first = term::decode_utf8(input);
    const std::string_view what = input.substr(0, first.length);
    if (!first.valid)
        return std::unexpected(fmt::format("'{}' is not UTF-8", term::printable(what)));
    return std::unexpected(fmt::format("'{}' (U+{:04X}) has no place in {}", what,
                                       static_cast<unsigned>(first.value), name_));
}

}  // namespace spate::talk
