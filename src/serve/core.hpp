// One core of a file service: its listeners, its connections, what it remembers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spate/condition.hpp>
#include <spate/file.hpp>
#include <spate/loop.hpp>
#include <spate/tcp.hpp>

#include "serve/access_log.hpp"
#include "serve/admission.hpp"
#include "serve/file_cache.hpp"
#include "serve/listings.hpp"
#include "serve/respond.hpp"
#include "serve/response.hpp"
#include "serve/sidecars.hpp"
#include "serve/site.hpp"
#include "serve/status_line.hpp"

namespace spate::serve {

/// Since 1970, as logs have it.
[[nodiscard]] std::int64_t wall_clock_ms();

class Core;

/// A connection, as its core sees it: counted from its making to its end, and to be ended when
/// the service stops.
class Client {
  public:
    /// `host` is the peer's address where somebody wants to know it, else empty.
    Client(Core& core, std::string host);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    virtual ~Client();

    /// No more requests: ends now if none is being answered, else after that.
    virtual void wind_up() = 0;
    /// Ends now.
    virtual void cut() = 0;

  protected:
    [[nodiscard]] Core& core() const { return core_; }
    [[nodiscard]] const std::string& host() const { return host_; }

  private:
    friend class Core;
    Core& core_;
    std::string host_;
    Client* next_ = nullptr;
    Client* previous_ = nullptr;
};

enum class Protocol : std::uint8_t { http, name };

struct Listening {
    Fd socket;
    Protocol protocol;
};

/// What one core gets of what there is for all.
struct Share {
    std::size_t open_files;  ///< Descriptors that its cache may hold.
    std::uint64_t rate;      ///< Bytes/s; 0: unlimited.
};

class Core {
  public:
    Core(Loop& loop, Site& site, Admission& admission, std::shared_ptr<LogFile> log,
         const Share& share);

    /// Serves until the loop is to stop and every connection has ended.
    Task<void> run(std::vector<Listening> listening);
    /// Ends what is still being sent.
    void cut();

    [[nodiscard]] bool stopping() const { return loop.stopping().is_set(); }
    Loop& loop;
    Site& site;
    const ServeOptions& options;
    FileCache cache;
    Sidecars sidecars;
    Listings listings;
    DateStamp date;
    Totals totals;
    std::optional<AccessLog> log;
    Pacer shared_pacer;

    [[nodiscard]] Context context() { return Context{loop, site, cache, sidecars, listings, date}; }

  private:
    friend class Client;

    Task<void> accept_from(TcpListener& listener, Protocol protocol);
    void welcome(Fd socket, Protocol protocol);
    void join(Client& client);
    void leave(Client& client);
    [[nodiscard]] bool is_busy() const { return accepting_ != 0 || clients_ != nullptr; }

    Admission& admission_;
    Client* clients_ = nullptr;
    std::size_t accepting_ = 0;  // listeners
    std::uint64_t crowd_ = 0;    // Most connections since memory was last given back.
    Condition ended_;            // a client, or accepting
};

}  // namespace spate::serve
