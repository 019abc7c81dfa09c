// What the downloads of one command share.
#pragma once

#include <cstdint>
#include <string>

#include <spate/file.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>

#include "fetch/connections.hpp"
#include "fetch/options.hpp"

namespace spate::fetch {

struct Session {
    Session(Loop& its_loop, const Options& its_options)
        : loop(its_loop),
          options(its_options),
          connections(its_loop, offload, its_options.network),
          pacer(its_options.rate) {}

    Loop& loop;
    const Options& options;
    Offload offload;  ///< Look-ups of names, what waits for a disk and has no place in a ring.
    Connections connections;
    Pacer pacer;  ///< One limit for all of them together.
    /// Of what is asked to stop; whoever asks may say by what signal.
    Failure interrupted{Exit::interrupted, "interrupted"};
    std::string boot;        ///< The machine's run: /proc/sys/kernel/random/boot_id.
    std::uint64_t seed = 0;  ///< For lots drawn between retries.
};

/// Unix time.
[[nodiscard]] std::int64_t wall_clock_s();
/// What State::boot is compared with; empty where the kernel does not say.
[[nodiscard]] std::string read_boot_id();

}  // namespace spate::fetch
