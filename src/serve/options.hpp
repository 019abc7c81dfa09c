// What a file service is told when it starts. Never changes while it runs; shared by all cores.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <spate/file.hpp>
#include <spate/time.hpp>

#include "http/parsed.hpp"

namespace spate::serve {

enum class LogFormat : std::uint8_t { combined, json };

struct ServeOptions {
    std::string folder = ".";
    std::vector<std::string> listen;  ///< ADDR:PORT, :PORT, [v6]:PORT, unix:PATH; may be empty
                                      ///< when systemd passes sockets or a name port is set.
    bool http = true;                 ///< False: the name protocol alone.
    bool local = false;               ///< Loopback addresses only.
    unsigned cores = 0;               ///< 0: one loop per processor allowed.
    int name_port = -1;               ///< Of the name protocol; 0 picks one, -1 is off.

    bool dotfiles = false;
    bool listing = true;
    std::string index = "index.html";                          ///< Empty: none.
    std::vector<std::pair<std::string, std::string>> headers;  ///< Added to 2xx and 304 answers.
    bool cors = false;
    std::uint64_t cache_bytes = 64U << 20;  ///< Small hot files in memory, per core; 0: off.
    SendWay send_way = SendWay::automatic;

    http::Limits limits;
    Duration header_timeout = std::chrono::seconds(10);  ///< For a whole request head.
    Duration idle_timeout = std::chrono::seconds(75);    ///< Between requests.
    Duration send_timeout = std::chrono::seconds(60);    ///< Without any acknowledged byte.
    Duration disk_timeout = std::chrono::seconds(30);    ///< For a file system elsewhere.
    Duration grace = std::chrono::seconds(30);           ///< For transfers in flight at the stop.
    std::uint64_t max_connections = 0;                   ///< In all; 0: what descriptors allow.
    std::uint64_t max_connections_per_ip = 0;            ///< 0: unlimited.
    std::uint64_t max_requests = 0;                      ///< Per connection; 0: unlimited.
    std::uint64_t limit_rate = 0;                        ///< Bytes/s per connection; 0: unlimited.
    std::uint64_t limit_rate_total = 0;                  ///< Bytes/s in all; 0: unlimited.

    std::string access_log = "off";  ///< A file, "-" for standard output, or "off".
    LogFormat log_format = LogFormat::combined;
    bool quiet = false;
};

}  // namespace spate::serve
