#include "http/message.hpp"

#include <llhttp.h>

#include "http/fields.hpp"
#include "http/request_line.hpp"
#include "http/text.hpp"

namespace spate::http {
namespace {

constexpr int max_empty_lines = 4;

/// Collects the fields of one request.
class RequestFields {
  public:
    RequestFields(Request& request, std::size_t max_fields)
        : request_(request), left_(max_fields) {}

    /// What FieldReader calls.
    bool field(std::string_view name, std::string_view value) {
        if (left_-- == 0) return refuse(431, "too many fields");
        return take(name, value);
    }

    /// To be called when all fields are in. False where the head cannot stand.
    bool finish() {
        // HTTP/1.0 knew no Host.
        if (!saw_host_ && request_.minor_version > 0) return refuse(400, "no Host");
        if (range_count_ > 1) request_.range.reset();
        if (modified_since_count_ > 1) request_.if_modified_since.reset();
        if (unmodified_since_count_ > 1) request_.if_unmodified_since.reset();
        request_.keep_alive = connection_.persists(request_.minor_version);
        request_.content_length = framing_.content_length;
        request_.chunked = framing_.chunked;
        return true;
    }

    /// Why field() or finish() said false.
    [[nodiscard]] const std::optional<Bad>& bad() const { return bad_; }

  private:
    using Field = std::optional<std::string_view>;

    bool refuse(int status, const char* reason) {
        bad_ = Bad{status, reason};
        return false;
    }

    /// The first of several counts.
    static bool keep_first(Field& field, std::string_view value) {
        if (!field) field = value;
        return true;
    }

    static bool count(Field& field, std::string_view value, std::uint8_t& counter) {
        if (counter < 2) ++counter;
        field = value;
        return true;
    }

    bool take(std::string_view name, std::string_view value);
    bool take_host(std::string_view value);
    bool take_if_match(std::string_view value);
    bool take_if_range(std::string_view value);
    bool take_content_length(std::string_view value);
    bool take_transfer_encoding(std::string_view value);

    Request& request_;
    std::size_t left_;
    Framing framing_;
    ConnectionOptions connection_;
    std::uint8_t range_count_ = 0;
    std::uint8_t modified_since_count_ = 0;
    std::uint8_t unmodified_since_count_ = 0;
    bool saw_host_ = false;
    std::optional<Bad> bad_;
};

/// By length first: of most names that we do not want, no byte is looked at.
bool RequestFields::take(std::string_view name, std::string_view value) {
    const auto is = [name](std::string_view lower) { return is_same_word(name, lower); };
    switch (name.size()) {
        case 4:
            if (is("host")) return take_host(value);
            break;
        case 5:
            if (is("range")) return count(request_.range, value, range_count_);
            break;
        case 6:
            if (is("accept")) return keep_first(request_.accept, value);
            if (is("expect")) return keep_first(request_.expect, value);
            break;
        case 7:
            if (is("referer")) return keep_first(request_.referer, value);
            break;
        case 8:
            if (is("if-range")) return take_if_range(value);
            if (is("if-match")) return take_if_match(value);
            break;
        case 10:
            if (is("connection")) connection_.take(value);
            if (is("user-agent")) return keep_first(request_.user_agent, value);
            break;
        case 13:
            if (is("if-none-match")) return keep_first(request_.if_none_match, value);
            break;
        case 14:
            if (is("content-length")) return take_content_length(value);
            break;
        case 15:
            if (is("accept-encoding")) return keep_first(request_.accept_encoding, value);
            break;
        case 17:
            if (is("transfer-encoding")) return take_transfer_encoding(value);
            if (is("if-modified-since")) {
                return count(request_.if_modified_since, value, modified_since_count_);
            }
            break;
        case 19:
            if (is("if-unmodified-since")) {
                return count(request_.if_unmodified_since, value, unmodified_since_count_);
            }
            break;
        default:
            break;
    }
    return true;
}

bool RequestFields::take_host(std::string_view value) {
    if (saw_host_) return refuse(400, "two Host fields");
    if (!is_valid_host(value)) return refuse(400, "invalid Host");
    saw_host_ = true;
    return keep_first(request_.host, value);
}

bool RequestFields::take_if_match(std::string_view value) {
    if (request_.if_match) return refuse(400, "two If-Match fields");
    request_.if_match = value;
    return true;
}

bool RequestFields::take_if_range(std::string_view value) {
    request_.if_range = request_.if_range ? std::string_view() : value;
    return true;
}

bool RequestFields::take_content_length(std::string_view value) {
    const char* reason = framing_.take_content_length(value);
    return reason == nullptr || refuse(400, reason);
}

bool RequestFields::take_transfer_encoding(std::string_view value) {
    if (request_.minor_version == 0) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    const char* reason = framing_.take_transfer_encoding(value);
    if (reason == nullptr) return true;
    // A coding may be unknown without the framing being in doubt (RFC 9112 §6.1).
    const bool unknown = token_bytes.span(value) == value.size() && !value.empty() &&
                         !Framing::is_chunked(value) && !framing_.content_length;
    return refuse(unknown ? 501 : 400, reason);
}

/// llhttp with a request line already behind it, to be copied for every request: the request
/// line is parsed by us, and a copy of 100 bytes is cheaper than to begin anew.
const llhttp_t& parser_at_first_field() {
    static const llhttp_settings_t settings = FieldReader<RequestFields>::settings();
    static const llhttp_t parser = [] {
        llhttp_t fresh;
        llhttp_init(&fresh, HTTP_REQUEST, &settings);
        constexpr std::string_view line = "GET / HTTP/1.1\r\n";
        llhttp_execute(&fresh, line.data(), line.size());
        return fresh;
    }();
    return parser;
}

/// Why there is no whole head.
using Lacking = std::variant<Incomplete, Bad>;

/// The fields and the empty line after them, whose bytes are added to head_size.
std::optional<Lacking> parse_fields(std::string_view bytes, std::size_t max_fields,
                                    Complete<Request>& head) {
    RequestFields fields(head.message, max_fields);
    FieldReader<RequestFields> reader(fields);
    llhttp_t parser = parser_at_first_field();
    parser.data = &reader;
    const llhttp_errno_t result = llhttp_execute(&parser, bytes.data(), bytes.size());
    if (result == HPE_OK) return Incomplete{};
    if (result == HPE_PAUSED && fields.finish()) {
        head.head_size += static_cast<std::size_t>(llhttp_get_error_pos(&parser) - bytes.data());
        return std::nullopt;
    }
    // llhttp's reasons are literals too.
    return fields.bad().value_or(Bad{400, llhttp_get_error_reason(&parser)});
}

std::optional<Lacking> parse_head(std::string_view bytes, const Limits& limits,
                                  Complete<Request>& head) {
    std::string_view rest = bytes;
    for (int i = 0; i < max_empty_lines && rest.starts_with("\r\n"); ++i)
        rest.remove_prefix(2);
    if (rest.empty() || rest == "\r") return Incomplete{};

    const LineSize line = parse_request_line(rest, limits, head.message);
    if (const auto* bad = std::get_if<Bad>(&line)) return *bad;
    const Bad too_long{431, "head too long"};
    std::optional<Lacking> lacking = Incomplete{};
    if (const auto* size = std::get_if<std::size_t>(&line)) {
        rest.remove_prefix(*size);
        head.head_size = bytes.size() - rest.size();
        lacking = parse_fields(rest, limits.fields, head);
    }
    if (!lacking && head.head_size > limits.head_bytes) return too_long;
    const bool incomplete = lacking && std::holds_alternative<Incomplete>(*lacking);
    if (incomplete && bytes.size() >= limits.head_bytes) return too_long;
    return lacking;
}

}  // namespace

bool Request::expects_continue() const {
    return minor_version > 0 && expect && is_same_word(*expect, "100-continue");
}

// Filled in where it is handed out: to copy a request takes as long as to parse a small one.
Parsed<Request> parse_request(std::string_view bytes, const Limits& limits) {
    Parsed<Request> parsed;
    const auto lacking = parse_head(bytes, limits, std::get<Complete<Request>>(parsed));
    if (lacking) std::visit([&parsed](auto why) { parsed = why; }, *lacking);
    return parsed;
}

}  // namespace spate::http
