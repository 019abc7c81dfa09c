#include "http/chunked.hpp"

#include <algorithm>
#include <limits>

#include "http/text.hpp"

namespace spate::http {
namespace {

/// What may stand in an extension or a trailer's value: no control bytes but the tab.
bool is_field_byte(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return byte == '\t' || (value >= 0x20 && value != 0x7f);
}

}  // namespace

ChunkedDecoder::Piece ChunkedDecoder::next(std::string_view bytes) {
    Piece piece;
    while (expect_ != Expect::done && expect_ != Expect::bad && piece.consumed < bytes.size()) {
        if (expect_ == Expect::data) {
            const std::size_t available = bytes.size() - piece.consumed;
            const std::size_t length = std::min<std::uint64_t>(left_, available);
            piece.payload = bytes.substr(piece.consumed, length);
            piece.consumed += length;
            left_ -= length;
            if (left_ == 0) expect_ = Expect::data_cr;
            return piece;
        }
        expect_ = step(bytes[piece.consumed]);
        if (expect_ != Expect::bad) ++piece.consumed;
    }
    if (expect_ == Expect::done) piece.state = BodyState::done;
    if (expect_ == Expect::bad) piece.state = BodyState::bad;
    return piece;
}

ChunkedDecoder::Expect ChunkedDecoder::step(char byte) {
    const auto require = [byte](char wanted, Expect then) {
        return byte == wanted ? then : Expect::bad;
    };
    switch (expect_) {
        case Expect::size:
            return read_size(byte);
        case Expect::extension:
            if (byte == '\r') return Expect::size_lf;
            return is_field_byte(byte) && within_overhead() ? Expect::extension : Expect::bad;
        case Expect::size_lf:
            return require('\n', left_ == 0 ? Expect::trailer_start : Expect::data);
        case Expect::data_cr:
            return require('\r', Expect::data_lf);
        case Expect::data_lf:
            digits_ = 0;
            return require('\n', Expect::size);
        case Expect::trailer_start:
        case Expect::trailer_name:
        case Expect::trailer_value:
            return read_trailer(byte);
        case Expect::trailer_lf:
            return require('\n', Expect::trailer_start);
        case Expect::last_lf:
            return require('\n', Expect::done);
        case Expect::data:
        case Expect::done:
        case Expect::bad:
            break;
    }
    return Expect::bad;
}

ChunkedDecoder::Expect ChunkedDecoder::read_size(char byte) {
    const int digit = hex_value(byte);
    if (digit >= 0) {
        if (++digits_ > max_digits) return Expect::bad;
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        return Expect::size;
    }
    constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
    if (digits_ == 0 || left_ > max) return Expect::bad;
    if (byte == '\r') return Expect::size_lf;
    return byte == ';' && within_overhead() ? Expect::extension : Expect::bad;
}

/// Trailers are read past, never acted upon: framing fields among them mean nothing.
ChunkedDecoder::Expect ChunkedDecoder::read_trailer(char byte) {
    if (expect_ == Expect::trailer_start && byte == '\r') return Expect::last_lf;
    if (expect_ == Expect::trailer_value && byte == '\r') return Expect::trailer_lf;
    if (!within_overhead()) return Expect::bad;
    if (expect_ == Expect::trailer_value) {
        return is_field_byte(byte) ? Expect::trailer_value : Expect::bad;
    }
    if (expect_ == Expect::trailer_name && byte == ':') return Expect::trailer_value;
    return token_bytes.contains(byte) ? Expect::trailer_name : Expect::bad;
}

}  // namespace spate::http
