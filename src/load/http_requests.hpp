// The requests of an HTTP load: ready as bytes before the run, chosen by weight during it.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/url.hpp"
#include "load/random.hpp"

namespace spate::load {

/// How a request is put together; what a line of a mix says overrides it.
struct RequestTemplate {
    std::string method = "GET";
    std::vector<std::string> fields;  ///< "Name: value"; "Name:" leaves ours out, as in curl.
    std::string body;
    std::string host;    ///< In place of the URL's own in Host; empty: the URL's.
    bool close = false;  ///< Each request on a connection of its own.
};

struct HttpRequest {
    std::string bytes;  ///< Head and body.
    std::string method;
    std::string target;
    double weight = 1;
};

/// The error says which field is wrong and how.
[[nodiscard]] std::expected<HttpRequest, std::string> build_request(const http::Url& url,
                                                                    const RequestTemplate& with);

/// A mix: requests parted by empty lines, each "[WEIGHT] METHOD URL-OR-PATH", then lines of fields
/// and, to send a file as the body, a line "@PATH". Lines that begin with '#' are remarks. URLs are
/// completed from `base`, and must be on the same server. The error begins with the line's number.
[[nodiscard]] std::expected<std::vector<HttpRequest>, std::string> parse_mix(
    std::string_view text, const std::optional<http::Url>& base, const RequestTemplate& with,
    http::Url& server);

/// Draws from requests by weight.
class RequestChooser {
  public:
    explicit RequestChooser(std::span<const HttpRequest> requests);
    [[nodiscard]] std::size_t choose(SplitMix64& random) const;

  private:
    std::vector<double> upto_;  // sums of the weights, from the first
};

}  // namespace spate::load
