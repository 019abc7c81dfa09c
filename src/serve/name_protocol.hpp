// The name protocol: a peer sends the name of a file, without any framing, and gets its bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <spate/time.hpp>

namespace spate::serve {

/// Collects a name from what arrives. It ends with a line feed, when the peer half-closes, or
/// when the peer has been quiet for a while after its first byte: beginners' programs send the
/// name alone and wait.
class NameCollector {
  public:
    static constexpr std::size_t max_bytes = 4096;
    /// How long to wait for more after bytes have come.
    static constexpr Duration quiet_limit = std::chrono::milliseconds(50);

    enum class State {
        collecting,
        complete,  ///< name() is whole.
        too_long,
        missing,  ///< The peer was done before it sent a name.
    };

    /// Bytes that have arrived. What follows a line feed is ignored.
    State add(std::string_view bytes);
    /// The peer has half-closed, or the quiet limit has passed.
    State end();

    [[nodiscard]] State state() const { return state_; }
    /// Without the line's end, LF or CR LF.
    [[nodiscard]] std::string_view name() const { return name_; }

  private:
    std::string name_;
    State state_ = State::collecting;
};

/// A path beneath the root by the rules for HTTP targets, but nothing is decoded: "%41" names
/// "%41". nullopt for a name that leads above the root, names a folder or holds a NUL.
[[nodiscard]] std::optional<std::string> path_of_name(std::string_view name);

}  // namespace spate::serve
