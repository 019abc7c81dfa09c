// Connections to servers: opened when needed, kept for the next request.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/task.hpp>

#include "fetch/connection.hpp"
#include "fetch/options.hpp"
#include "fetch/outcome.hpp"
#include "http/url.hpp"

namespace spate::fetch {

/// co_await close() before it dies.
class Connections {
  public:
    Connections(Loop& loop, Offload& offload, const NetworkOptions& options)
        : loop_(loop), offload_(offload), options_(options) {}
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    using Opened = std::expected<std::unique_ptr<Connection>, Trouble>;
    /// A connection to the URL's host: one that waits to be used again, or a new one.
    [[nodiscard]] Task<Opened> open(const http::Url& url);
    /// Not one that was used before: those may have been closed by the server meanwhile.
    [[nodiscard]] Task<Opened> open_new(const http::Url& url);

    /// Keeps it if it can be used again, else closes it.
    [[nodiscard]] Task<void> give_back(std::unique_ptr<Connection> connection,
                                       const http::Url& url);
    [[nodiscard]] Task<void> close();

  private:
    struct Idle {
        std::string origin;
        std::unique_ptr<Connection> connection;
    };
    [[nodiscard]] Trouble trouble_of(const Error& error, const http::Url& url, Exit exit) const;

    Loop& loop_;
    Offload& offload_;
    const NetworkOptions& options_;
    std::vector<Idle> idle_;
    std::unordered_set<std::string> reached_;  // origins that have answered a connect
};

}  // namespace spate::fetch
