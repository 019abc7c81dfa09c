// One file in one coding, as it is known at one moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spate/file.hpp>
#include <spate/task.hpp>

#include "http/conditions.hpp"
#include "http/date.hpp"
#include "http/encoding.hpp"
#include "http/etag.hpp"

namespace spate::serve {

struct Site;
class Sidecars;

struct Representation {
    Representation(OpenFile opened, std::string_view type, http::Coding in, std::int64_t now_ns);

    [[nodiscard]] http::Validators validators() const {
        return {etag.view(), etag.weak(), last_modified_s};
    }
    [[nodiscard]] std::uint64_t size() const { return file.status.size; }
    [[nodiscard]] std::string_view last_modified() const {
        return {last_modified_text.data(), last_modified_text.size()};
    }

    /// Bytes held in memory.
    [[nodiscard]] std::size_t weight() const;

    /// Whole lines that every 200, 206 and 304 has alike.
    [[nodiscard]] std::string_view fields() const {
        return std::string_view(whole_fields).substr(0, common_fields);
    }

    /// Those, and what only a 200 has: its type and length.
    std::string whole_fields;
    std::size_t common_fields = 0;  ///< Bytes of the former.
    OpenFile file;                  ///< Closed when `body` holds everything.
    http::Coding coding;
    std::string_view content_type;  ///< Of the site's table.
    http::ETag etag;
    std::int64_t last_modified_s;
    http::DateBuffer last_modified_text;
    std::optional<std::string> body;
    mutable KnownResident resident;  ///< What of `file` need not be asked for again.
};

/// A path's file: as it is, and the codings of it that lie beside (NAME.br, .zst, .gz).
struct Variants {
    Representation plain;
    std::array<std::unique_ptr<Representation>, 3> coded;  ///< By http::Coding; may be null.

    /// A cache must say so (Vary) whenever there is a choice.
    [[nodiscard]] bool has_choice() const;
    /// The best that the client takes; `plain` when it takes none.
    [[nodiscard]] const Representation& choose(std::optional<std::string_view> accept) const;
    /// Bytes held in memory.
    [[nodiscard]] std::size_t weight() const;
    /// Descriptors held.
    [[nodiscard]] std::size_t descriptors() const;
};

/// Opens a path's file and what lies beside it. Errors: EISDIR for a folder, ENOENT for what is
/// neither file nor folder, else Root::open's.
Task<Result<std::shared_ptr<Variants>>> load(const Site& site, Loop& loop, Sidecars& sidecars,
                                             std::string_view path);

}  // namespace spate::serve
