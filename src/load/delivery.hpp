// Writing to terminals and pipes whose readers may take nothing for long: that must not keep a
// program from ending that is asked to.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include <spate/engine.hpp>

namespace spate::load {

/// Everything here waits for whoever reads. Once a signal waits in `signals`, or hurry() was
/// called, only as long as something is taken every 50 ms. `signals` outlives all that is written.
void heed(const Signals& signals);
/// A signal has asked to end.
void hurry();

/// Whether `to` takes something now.
[[nodiscard]] bool is_ready(std::FILE* to);
/// What is not taken in time is dropped.
void deliver(std::FILE* to, std::string_view text);
/// term::failure_of(): flushes, and tells of all that was written; what nobody takes is dropped.
[[nodiscard]] std::optional<std::string> failure_of(std::FILE* to);

}  // namespace spate::load
