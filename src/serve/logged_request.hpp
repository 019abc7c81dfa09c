// What the access log will say of a request whose answer is being sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <spate/time.hpp>

#include "http/message.hpp"
#include "serve/log_line.hpp"

namespace spate::serve {

/// Copied, since the request's bytes go before the answer does, and no more of it than a line
/// shows: that is less than max_log_line.
struct LoggedRequest {
    std::string method, target, host, referer, user_agent;
    int minor_version = 1;
    TimePoint start;
    std::int64_t unix_ms = 0;

    void keep(const http::Request& request) {
        method = loggable(request.method_text, logged::most_method);
        target = loggable(request.target, logged::most_target);
        host = loggable(request.host.value_or(""), logged::most_host);
        referer = loggable(request.referer.value_or(""), logged::most_referer);
        user_agent = loggable(request.user_agent.value_or(""), logged::most_user_agent);
        minor_version = static_cast<int>(request.minor_version);
    }

    /// Views of this.
    [[nodiscard]] LogEntry entry() const {
        LogEntry entry;
        entry.unix_ms = unix_ms;
        entry.method = method;
        entry.target = target;
        entry.minor_version = minor_version;
        entry.host = host;
        entry.referer = referer;
        entry.user_agent = user_agent;
        return entry;
    }
};

}  // namespace spate::serve
