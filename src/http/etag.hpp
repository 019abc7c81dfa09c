// Entity tags of files.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace spate::http {

/// What tells one state of a file from another.
struct FileState {
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;  ///< Unix time.
    std::uint64_t inode = 0;
};

/// Whether two different contents could share this state: timestamps move with the kernel's
/// tick, or in steps of up to 2 s on some file systems, and the file was written just now.
[[nodiscard]] bool is_young(std::int64_t mtime_ns, std::int64_t now_ns);

/// An entity tag, kept inline: `"size-mtime-inode"` in hex, `W/` before it while the file is
/// young, the variant (such as "-br") at its end.
class ETag {
  public:
    static constexpr std::size_t max_variant = 8;

    ETag() = default;  ///< Empty: no tag.
    /// `variant` tells encodings of one file apart and has at most max_variant characters.
    ETag(const FileState& file, std::int64_t now_ns, std::string_view variant = {});

    [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }
    [[nodiscard]] bool weak() const { return view().starts_with('W'); }

  private:
    std::array<char, 64> text_{};
    std::uint8_t size_ = 0;
};

}  // namespace spate::http
