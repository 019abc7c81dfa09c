// What heads of requests and responses have in common: field lines, framing, persistence.
#pragma once

#include <llhttp.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "http/parsed.hpp"
#include "http/text.hpp"

namespace spate::http {

/// Content-Length and Transfer-Encoding, and every doubt about them (RFC 9112 §6).
struct Framing {
    std::optional<std::uint64_t> content_length;
    bool chunked = false;

    /// nullptr, or why the field cannot stand.
    [[nodiscard]] const char* take_content_length(std::string_view value) {
        if (chunked) return "Content-Length with Transfer-Encoding";
        if (content_length) return "two Content-Length fields";
        content_length = parse_digits(value);
        constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
        const bool sound = content_length && *content_length <= max;
        return sound ? nullptr : "malformed Content-Length";
    }

    /// Whether the coding is one we know; see take_transfer_encoding.
    [[nodiscard]] static bool is_chunked(std::string_view value) {
        return is_same_word(value, "chunked");
    }

    [[nodiscard]] const char* take_transfer_encoding(std::string_view value) {
        if (content_length) return "Content-Length with Transfer-Encoding";
        if (chunked) return "two Transfer-Encoding fields";
        chunked = is_chunked(value);
        return chunked ? nullptr : "Transfer-Encoding other than chunked";
    }
};

/// The Connection fields of one message (RFC 9112 §9.3).
class ConnectionOptions {
  public:
    void take(std::string_view value) {
        while (!value.empty()) {
            const std::string_view option = trim(take_until(value, ','));
            close_ |= is_same_word(option, "close");
            keep_alive_ |= is_same_word(option, "keep-alive");
        }
    }

    [[nodiscard]] bool persists(int minor_version) const {
        return !close_ && (minor_version >= 1 || keep_alive_);
    }

  private:
    bool close_ = false;
    bool keep_alive_ = false;
};

/// Lets llhttp cut field lines out of a head. The sink has `bool field(name, value)`, called for
/// each of them with blanks trimmed; false stops the parser. A field counts once its line is
/// whole and llhttp has seen that no continuation follows.
template <typename Sink>
class FieldReader {
  public:
    explicit FieldReader(Sink& sink) : sink_(sink) {}

    /// Callbacks for a parser whose `data` is a FieldReader.
    static llhttp_settings_t settings() {
        llhttp_settings_t settings;
        llhttp_settings_init(&settings);
        settings.on_header_field = on_name;
        settings.on_header_value = on_value;
        settings.on_header_value_complete = on_value_complete;
        settings.on_headers_complete = on_head_complete;
        return settings;
    }

    /// For responses: what stands behind the status code.
    static int on_reason_phrase(llhttp_t* parser, const char* at, std::size_t length) {
        of(parser).reason_phrase_ = {at, length};
        return HPE_OK;
    }
    [[nodiscard]] std::string_view reason_phrase() const { return reason_phrase_; }

  private:
    static FieldReader& of(llhttp_t* parser) { return *static_cast<FieldReader*>(parser->data); }

    static int on_name(llhttp_t* parser, const char* at, std::size_t length) {
        of(parser).name_ = {at, length};
        of(parser).value_ = {};
        return HPE_OK;
    }

    static int on_value(llhttp_t* parser, const char* at, std::size_t length) {
        of(parser).value_ = {at, length};
        return HPE_OK;
    }

    static int on_value_complete(llhttp_t* parser) {
        FieldReader& self = of(parser);
        return self.sink_.field(self.name_, trim(self.value_)) ? HPE_OK : HPE_USER;
    }

    /// Whatever llhttp would do about a body is not wanted: stop right behind the head.
    static int on_head_complete(llhttp_t* /*parser*/) { return HPE_PAUSED; }

    Sink& sink_;
    std::string_view name_;
    std::string_view value_;
    std::string_view reason_phrase_;
};

}  // namespace spate::http
