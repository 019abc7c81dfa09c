// `spate load --sink`: the far end of one-way loads, which counts what comes and sends what is
// asked for.
#pragma once

#include <spate/address.hpp>
#include <spate/engine.hpp>

#include "load/plan.hpp"

namespace spate::load {

struct SinkOptions {
    Address address;               ///< Port 0 picks one.
    Kind kind = Kind::tcp_stream;  ///< Or udp_stream, which has its control by TCP all the same.
    unsigned threads = 1;
    bool quiet = false;  ///< Says nothing but what went wrong.
    bool once = false;   ///< Ends after one run.
    /// Of each datagram socket: room for what comes while a thread is not scheduled. More than
    /// net.core.rmem_max takes CAP_NET_ADMIN.
    int receive_buffer_bytes = 64 << 20;
};

/// Serves run after run, several at a time, until a signal; a second one ends the process. Tells
/// where it listens on standard error. Gives the exit code: 0, 2 if it could not listen, 69 where
/// io_uring is not to be had.
[[nodiscard]] int run_sink(const SinkOptions& options, Signals& signals);

}  // namespace spate::load
