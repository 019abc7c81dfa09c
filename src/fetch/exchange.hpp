// One question to a server, to wherever it sends us.
#pragma once

#include <expected>
#include <memory>

#include <spate/task.hpp>

#include "fetch/connection.hpp"
#include "fetch/outcome.hpp"
#include "fetch/plan.hpp"
#include "fetch/session.hpp"
#include "http/url.hpp"

namespace spate::fetch {

/// The head of the last answer. Whoever has it gives the connection back.
struct Answer {
    std::unique_ptr<Connection> connection;
    http::Url url;            ///< Where it came from, after redirects.
    http::Response response;  ///< Views the connection's memory.
    Decision decision;        ///< Never Follow.
};

struct Question {
    http::Url first;  ///< As the user named it: where credentials may go.
    http::Url url;    ///< Where to begin.
    Ask ask;
    Identity known;
    std::string accept = "*/*";
};

/// Asks, and follows redirects within http:// as far as the options allow.
[[nodiscard]] Task<std::expected<Answer, Trouble>> put(Session& session, const Question& question);

/// An error of a stream, as a failure of the download.
[[nodiscard]] Trouble trouble_of(const Error& error);

}  // namespace spate::fetch
