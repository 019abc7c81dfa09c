#include "load/http_requests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "http/text.hpp"
#include "load/read_file.hpp"
#include "term/escape.hpp"

namespace spate::load {
namespace {

using http::trim;
using Problem = std::unexpected<std::string>;

struct Field {
    std::string_view name;
    std::string_view value;
};

bool has_control_bytes(std::string_view value) {
    return std::ranges::any_of(value, [](char c) {
        return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
    });
}

std::expected<Field, std::string> parse_field(std::string_view text) {
    const auto colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (colon == std::string_view::npos || name.empty() ||
        http::token_bytes.span(name) != name.size()) {
        return Problem(fmt::format("'{}': a field is 'Name: value'", term::printable(text)));
    }
    const std::string_view value = trim(text.substr(colon + 1));
    if (has_control_bytes(value)) {
        return Problem(fmt::format("'{}': control bytes in a field", term::printable(text)));
    }
    return Field{name, value};
}

// Ours first, theirs of the same name in place of them; a name without a value takes ours away.
class Fields {
  public:
    void add(std::string name, std::string value) {
        ours_.push_back({std::move(name), std::move(value)});
    }
    void override_with(const Field& field) {
        std::erase_if(ours_, [&](const auto& each) {
            return http::is_same_in_any_case(each.name, field.name);
        });
        if (!field.value.empty()) theirs_ += fmt::format("{}: {}\r\n", field.name, field.value);
    }
    [[nodiscard]] std::string text() const {
        std::string text;
        for (const auto& [name, value] : ours_)
            text += fmt::format("{}: {}\r\n", name, value);
        text += theirs_;
        return text;
    }

  private:
    struct Owned {
        std::string name;
        std::string value;
    };
    std::vector<Owned> ours_;
    std::string theirs_;
};

struct Line {
    std::size_t number = 0;
    std::string_view text;
};

Problem at(const Line& line, const std::string& what) {
    return Problem(fmt::format("line {}: {}", line.number, what));
}

std::string_view take_word(std::string_view& text) {
    text = trim(text);
    const std::string_view word = text.substr(0, text.find_first_of(" \t"));
    text = trim(text.substr(word.size()));
    return word;
}

std::optional<double> number_of(std::string_view word) {
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool whole = error == std::errc() && end == word.data() + word.size();
    if (!whole || !(number > 0) || !std::isfinite(number)) return std::nullopt;
    return number;
}

// Reads a mix a request at a time.
class MixReader {
  public:
    MixReader(std::string_view text, const RequestTemplate& with, http::Url& server,
              bool has_server)
        : rest_(text), with_(with), server_(server), has_server_(has_server) {}

    std::expected<std::vector<HttpRequest>, std::string> read() {
        std::vector<HttpRequest> requests;
        while (auto line = next_line()) {
            if (line->text.empty()) continue;
            auto request = read_request(*line);
            if (!request) return Problem(request.error());
            requests.push_back(std::move(*request));
        }
        if (requests.empty()) return Problem("no requests in it");
        return requests;
    }

  private:
    // Remarks are passed over; an empty line is returned, since it parts requests.
    std::optional<Line> next_line() {
        while (!rest_.empty()) {
            const auto end = rest_.find('\n');
            const std::string_view text = trim(rest_.substr(0, end), "\r");
            rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
            ++number_;
            if (!text.starts_with('#')) return Line{number_, text};
        }
        return std::nullopt;
    }

    static std::string_view trim(std::string_view text, std::string_view also = "") {
        while (!text.empty() && (text.back() == ' ' || text.back() == '\t' ||
                                 also.find(text.back()) != std::string_view::npos))
            text.remove_suffix(1);
        return text;
    }

    // Takes out those of the name, which may come several times in one place but not in two.
    static void drop(std::vector<std::string>& fields, std::string_view name) {
        std::erase_if(fields, [&](const std::string& text) {
            const auto field = parse_field(text);
            return field && http::is_same_in_any_case(field->name, name);
        });
    }

    std::expected<http::Url, std::string> locate(std::string_view where) {
        auto url = has_server_ ? http::resolve_location(server_, where) : http::parse_url(where);
        if (!url) return Problem(url.error().text);
        if (has_server_ && !url->same_origin(server_)) {
            return Problem(fmt::format("'{}' is on another server than {}: one run measures one",
                                       term::printable(where), server_.authority()));
        }
        // What follows is completed from the first, not each from the one before.
        if (!has_server_) server_ = *url;
        has_server_ = true;
        return *url;
    }

    std::expected<HttpRequest, std::string> read_request(const Line& first) {
        std::string_view rest = first.text;
        std::string_view word = take_word(rest);
        const auto weight = number_of(word);
        if (weight) word = take_word(rest);
        RequestTemplate with = with_;
        with.method = word;
        const std::string_view where = take_word(rest);
        if (where.empty() || !rest.empty())
            return at(first, "write [WEIGHT] METHOD URL, such as '3 GET /index.html'");
        const auto url = locate(where);
        if (!url) return at(first, url.error());
        std::vector<std::string> fields;
        while (auto line = next_line()) {
            if (line->text.empty()) break;
            if (!line->text.starts_with('@')) {
                const auto field = parse_field(http::trim(line->text));
                if (!field) return at(*line, field.error());
                drop(with.fields, field->name);
                fields.emplace_back(http::trim(line->text));
                continue;
            }
            auto body = read_file(std::string(line->text.substr(1)));
            if (!body) return at(*line, body.error());
            with.body = std::move(*body);
        }
        with.fields.insert(with.fields.end(), fields.begin(), fields.end());
        auto request = build_request(*url, with);
        if (!request) return at(first, request.error());
        request->weight = weight.value_or(1);
        return request;
    }

    std::string_view rest_;
    const RequestTemplate& with_;
    http::Url& server_;
    bool has_server_;
    std::size_t number_ = 0;
};

}  // namespace

std::expected<HttpRequest, std::string> build_request(const http::Url& url,
                                                      const RequestTemplate& with) {
    if (with.method.empty() || http::token_bytes.span(with.method) != with.method.size())
        return Problem(fmt::format("'{}' is no method", term::printable(with.method)));
    if (has_control_bytes(with.host))
        return Problem(fmt::format("'{}': control bytes in a field", term::printable(with.host)));
    Fields fields;
    fields.add("Host", with.host.empty() ? url.authority() : with.host);
    fields.add("User-Agent", "spate-load");
    fields.add("Accept", "*/*");
    if (with.close) fields.add("Connection", "close");
    const bool has_body = !with.body.empty() || with.method == "POST" || with.method == "PUT";
    if (has_body) fields.add("Content-Length", std::to_string(with.body.size()));
    for (const std::string& text : with.fields) {
        const auto field = parse_field(text);
        if (!field) return Problem(field.error());
        fields.override_with(*field);
    }
    HttpRequest request;
    request.method = with.method;
    request.target = url.target;
    request.bytes = fmt::format("{} {} HTTP/1.1\r\n{}\r\n", with.method, url.target, fields.text());
    request.bytes += with.body;
    return request;
}

std::expected<std::vector<HttpRequest>, std::string> parse_mix(std::string_view text,
                                                               const std::optional<http::Url>& base,
                                                               const RequestTemplate& with,
                                                               http::Url& server) {
    if (base) server = *base;
    return MixReader(text, with, server, base.has_value()).read();
}

RequestChooser::RequestChooser(std::span<const HttpRequest> requests) {
    double sum = 0;
    for (const HttpRequest& request : requests)
        upto_.push_back(sum += request.weight);
}

std::size_t RequestChooser::choose(SplitMix64& random) const {
    if (upto_.size() == 1) return 0;
    const double at = random.next_unit() * upto_.back();
    const auto found = std::ranges::upper_bound(upto_, at);
    return std::min(static_cast<std::size_t>(found - upto_.begin()), upto_.size() - 1);
}

}  // namespace spate::load
