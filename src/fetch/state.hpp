// The notes kept beside a part of a file, so that a later run can go on where this one was ended,
// however it was ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fetch/intervals.hpp"
#include "fetch/plan.hpp"

namespace spate::fetch {

/// Which bytes of which file are in a .part. `done` is noted after write(2), which no kill undoes;
/// a power cut may. `safe` is what was on the disk (fdatasync(2)) when it was noted: after a
/// restart of the machine only that counts.
struct State {
    std::string url;  ///< Without credentials.
    Identity identity;
    Intervals done;
    Intervals safe;
    std::string boot;  ///< The machine's run in which this was noted (boot_id).

    friend bool operator==(const State&, const State&) = default;
};

/// Lines of `key value`, with a version first and a checksum last.
[[nodiscard]] std::string write_state(const State& state);

/// Nullopt for anything that write_state() did not write, whole. Control bytes in values are never
/// written, so none are taken.
[[nodiscard]] std::optional<State> read_state(std::string_view text);

/// What of it may be relied on: `done`, or `safe` where `boot` is not the one we live in.
[[nodiscard]] const Intervals& trusted(const State& state, std::string_view boot);

}  // namespace spate::fetch
