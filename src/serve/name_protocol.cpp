#include "serve/name_protocol.hpp"

#include <vector>

#include "http/uri.hpp"

namespace spate::serve {

NameCollector::State NameCollector::add(std::string_view bytes) {
    if (state_ != State::collecting) return state_;
    const std::size_t line_feed = bytes.find('\n');
    const bool whole = line_feed != std::string_view::npos;
    const std::string_view taken = bytes.substr(0, line_feed);
    // One byte more, for a carriage return that a line feed may follow.
    if (name_.size() + taken.size() > max_bytes + 1) return state_ = State::too_long;
    name_ += taken;
    if (whole && name_.ends_with('\r')) name_.pop_back();
    if (name_.size() > max_bytes && (whole || name_.back() != '\r'))
        return state_ = State::too_long;
    return whole ? end() : state_;
}

NameCollector::State NameCollector::end() {
    if (state_ != State::collecting) return state_;
    if (name_.size() > max_bytes) return state_ = State::too_long;
    return state_ = name_.empty() ? State::missing : State::complete;
}

std::optional<std::string> path_of_name(std::string_view name) {
    // Escaped, so that the decoding gives the same bytes again.
    const std::string target = "/" + http::encode_path(name);
    std::vector<char> buffer(target.size() + 1);
    const auto resolved = http::parse_target(target, buffer);
    if (!resolved || resolved->names_directory) return std::nullopt;
    return std::string(resolved->path);
}

}  // namespace spate::serve
