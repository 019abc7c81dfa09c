#include "http/response.hpp"

#include <llhttp.h>

#include <algorithm>

#include "http/date.hpp"
#include "http/fields.hpp"
#include "http/text.hpp"

namespace spate::http {
namespace {

constexpr int refused = 502;

/// Collects the fields of one response.
class ResponseFields {
  public:
    ResponseFields(Response& response, std::size_t max_fields)
        : response_(response), left_(max_fields) {}

    /// What FieldReader calls.
    bool field(std::string_view name, std::string_view value) {
        if (left_ == 0) return refuse("too many fields");
        --left_;
        if (is_same_word(name, "content-length")) {
            return refuse(framing_.take_content_length(value));
        }
        if (is_same_word(name, "transfer-encoding")) {
            return refuse(framing_.take_transfer_encoding(value));
        }
        if (is_same_word(name, "connection")) connection_.take(value);
        for (const auto& [known, member] : kept) {
            if (!is_same_word(name, known)) continue;
            auto& slot = response_.*member;
            if (!slot) slot = value;
            break;
        }
        return true;
    }

    /// To be called when all fields are in and the version is known.
    bool finish() {
        if (framing_.chunked && response_.minor_version == 0) {
            return refuse("Transfer-Encoding in HTTP/1.0");
        }
        response_.keep_alive = connection_.persists(response_.minor_version);
        response_.content_length = framing_.content_length;
        response_.chunked = framing_.chunked;
        return true;
    }

    [[nodiscard]] const char* reason() const { return reason_; }

  private:
    using Member = std::optional<std::string_view> Response::*;
    struct Kept {
        std::string_view name;
        Member member;
    };

    static constexpr Kept kept[] = {
        {"content-range", &Response::content_range},
        {"content-type", &Response::content_type},
        {"content-encoding", &Response::content_encoding},
        {"content-disposition", &Response::content_disposition},
        {"etag", &Response::etag},
        {"last-modified", &Response::last_modified},
        {"accept-ranges", &Response::accept_ranges},
        {"location", &Response::location},
        {"retry-after", &Response::retry_after},
    };

    /// True where there is no reason to.
    bool refuse(const char* reason) {
        reason_ = reason;
        return reason == nullptr;
    }

    Response& response_;
    std::size_t left_;
    Framing framing_;
    ConnectionOptions connection_;
    const char* reason_ = nullptr;
};

const llhttp_t& parser_at_start() {
    using Reader = FieldReader<ResponseFields>;
    static const llhttp_settings_t settings = [] {
        llhttp_settings_t callbacks = Reader::settings();
        callbacks.on_status = Reader::on_reason_phrase;
        return callbacks;
    }();
    static const llhttp_t parser = [] {
        llhttp_t fresh;
        llhttp_init(&fresh, HTTP_RESPONSE, &settings);
        // A client has nobody behind it who could read the same bytes otherwise.
        llhttp_set_lenient_optional_cr_before_lf(&fresh, 1);
        return fresh;
    }();
    return parser;
}

}  // namespace

Parsed<Response> parse_response(std::string_view bytes, const Limits& limits) {
    Response response;
    ResponseFields fields(response, limits.fields);
    FieldReader<ResponseFields> reader(fields);
    llhttp_t parser = parser_at_start();
    parser.data = &reader;
    const llhttp_errno_t result = llhttp_execute(&parser, bytes.data(), bytes.size());
    if (result == HPE_OK) {
        if (bytes.size() >= limits.head_bytes) return Bad{refused, "head too long"};
        return Incomplete{};
    }
    if (result != HPE_PAUSED) {
        const char* reason = fields.reason();
        return Bad{refused, reason != nullptr ? reason : llhttp_get_error_reason(&parser)};
    }
    const auto size = static_cast<std::size_t>(llhttp_get_error_pos(&parser) - bytes.data());
    if (size > limits.head_bytes) return Bad{refused, "head too long"};
    if (parser.http_major != 1) return Bad{refused, "version other than 1.0 and 1.1"};
    response.status = parser.status_code;
    response.minor_version = parser.http_minor;
    response.reason = reader.reason_phrase();
    if (!fields.finish()) return Bad{refused, fields.reason()};
    return Complete<Response>{response, size};
}

std::optional<std::uint64_t> retry_after_s(std::string_view value, std::int64_t now_s) {
    if (const auto seconds = parse_digits(value)) return seconds;
    const auto date = parse_date(value, now_s);
    if (!date) return std::nullopt;
    return *date > now_s ? static_cast<std::uint64_t>(*date - now_s) : 0;
}

}  // namespace spate::http
