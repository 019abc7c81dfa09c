// The bytes of a request. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "fetch/plan.hpp"
#include "http/url.hpp"

namespace spate::fetch {

/// A field that the user adds with -H.
struct Field {
    std::string name;
    std::string value;
};

/// "Name: value"; "Name:" takes a field away, as in curl. The error says what is wrong, in words.
[[nodiscard]] std::expected<Field, std::string> parse_field(std::string_view text);

struct RequestOptions {
    std::string user_agent = "spate/0.1";
    std::string accept = "*/*";
    /// Override ours of the same name.
    std::vector<Field> fields;
};

/// A GET for `url`. `first` is what the user named: credentials among the options' fields
/// (Authorization, Cookie) go to no other origin. Always asks for no coding: ranges of a coded
/// body are of no use.
[[nodiscard]] std::string build_request(const http::Url& url, const http::Url& first,
                                        const Ask& ask, const RequestOptions& options);

}  // namespace spate::fetch
