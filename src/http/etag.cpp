#include "http/etag.hpp"

#include <fmt/format.h>

#include <cassert>

namespace spate::http {

bool is_young(std::int64_t mtime_ns, std::int64_t now_ns) {
    constexpr std::int64_t grace_ns = 2'000'000'000;
    // Also true of a time in the future. No difference is taken: it could overflow.
    return mtime_ns > now_ns - grace_ns;
}

ETag::ETag(const FileState& file, std::int64_t now_ns, std::string_view variant) {
    assert(variant.size() <= max_variant);
    const auto result =
        fmt::format_to_n(text_.data(), text_.size(), "{}\"{:x}-{:x}-{:x}{}\"",
                         is_young(file.mtime_ns, now_ns) ? "W/" : "", file.size,
                         static_cast<std::uint64_t>(file.mtime_ns), file.inode, variant);
    assert(result.size <= text_.size());
    size_ = static_cast<std::uint8_t>(result.size);
}

}  // namespace spate::http
