// What to ask a server for, and what to do with its answer. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "fetch/outcome.hpp"
#include "http/response.hpp"

namespace spate::fetch {

/// By what a later answer is told to speak of the same bytes.
struct Identity {
    std::optional<std::uint64_t> size;  ///< Of the whole file.
    std::string etag;                   ///< As sent, weak ones too; empty when none was.
    std::string last_modified;          ///< As sent; empty when none was.
    /// Whether `last_modified` was so long ago when it was read that no second change can hide
    /// behind the same second (RFC 9110 §8.8.2.2).
    bool settled = false;

    /// The value for If-Range: a strong entity tag, else a settled date, else empty: then there
    /// is no way to be sure, and what is here can't be gone on with.
    [[nodiscard]] std::string_view strong_validator() const;

    friend bool operator==(const Identity&, const Identity&) = default;
};

/// Of a 200 or 206, at `now_s` (Unix time).
[[nodiscard]] Identity identity_of(const http::Response& response, std::int64_t now_s);

/// Whether both can be the same file: nothing that both state differs.
[[nodiscard]] bool may_be_same(const Identity& a, const Identity& b);

/// What is asked for.
struct Ask {
    bool ranged = false;              ///< With a Range field at all.
    std::uint64_t from = 0;           ///< First byte wanted.
    std::optional<std::uint64_t> to;  ///< One past the last; nullopt for all that follows.
    std::string if_range;             ///< Empty for none.

    /// "bytes=100-199", "bytes=100-".
    [[nodiscard]] std::string range_text() const;
};

/// The body goes into the file from `offset` on.
struct Write {
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length;  ///< Of the body, where the server says.
    bool anew = false;    ///< The whole file, though a part was asked for: what is here is void.
    bool ranges = false;  ///< The server serves ranges: others may fetch other parts.
};
/// All of it is here already, byte for byte as many as there.
struct Complete {};
/// What is here is of no use: forget it and ask for the whole.
struct StartOver {
    std::string why;
};
/// Not now. Wait, for as long as the server says if it does.
struct Later {
    std::string why;
    std::optional<std::uint64_t> retry_after_s;
};
/// Elsewhere.
struct Follow {
    std::string location;
};
using Decision = std::variant<Write, Complete, StartOver, Later, Follow, Failure>;

/// What an answer to `ask` means, when `known` is what earlier ones said (empty at first).
[[nodiscard]] Decision decide(const http::Response& response, const Ask& ask, const Identity& known,
                              std::int64_t now_s);

}  // namespace spate::fetch
