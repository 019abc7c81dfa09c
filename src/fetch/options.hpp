// What the user may choose about downloads.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <spate/time.hpp>

#include "fetch/request.hpp"
#include "fetch/retry.hpp"

namespace spate::fetch {

struct NetworkOptions {
    int family = AF_UNSPEC;   ///< AF_INET or AF_INET6 for only those addresses.
    std::string unix_socket;  ///< Connect to this path whatever the URL's host is; or empty.
    Duration connect_patience = std::chrono::seconds(10);
    Duration look_up_patience = std::chrono::minutes(10);  ///< For a name's addresses.
    bool retry_refused = false;  ///< Also at first contact (--retry-connrefused).
    /// Fewer bytes a second than this for that long break a connection off; 0 s is never.
    std::uint64_t stall_rate = 1;
    Duration stall_patience = std::chrono::seconds(30);
    unsigned most_redirects = 20;
};

struct Options {
    NetworkOptions network;
    RequestOptions request;
    RetryPolicy retry;
    unsigned connections = 1;                 ///< For each file (-x).
    std::uint64_t min_split = 1024 * 1024;    ///< No connection is opened for less.
    std::uint64_t rate = 0;                   ///< Bytes a second for all together; 0: no limit.
    std::optional<std::uint64_t> most_bytes;  ///< For each file (--max-filesize).
    Duration most_time{0};                    ///< For each file; 0 for any.
    /// Go on with what is here even if nothing proves that it belongs to the same file (-c).
    bool trust_part = false;
    bool keep_existing = false;         ///< --no-clobber
    bool accept_proposed_name = false;  ///< --content-disposition
    bool keep_time = false;             ///< The file's time is the server's (-R).
    bool durable = false;               ///< On the disk, not only in the page cache (--fsync).
};

}  // namespace spate::fetch
