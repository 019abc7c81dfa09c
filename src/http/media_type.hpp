// Which Content-Type a file is sent with: its name's last extension decides.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <spate/result.hpp>

namespace spate::http {

class MediaTypes {
  public:
    /// The built-in table, nothing else.
    MediaTypes() = default;

    /// The built-in table and what a file in the format of /etc/mime.types adds or changes.
    [[nodiscard]] static Result<MediaTypes> load(const char* path);

    /// Takes text in that format: a type, then its extensions, `#` starts a comment. Of two types
    /// for one extension the later counts. Lines that name no plausible type are skipped.
    void add(std::string_view text);

    /// The value for Content-Type, valid as long as this object and until the next add(). Text
    /// comes with `; charset=utf-8`; what is not known is application/octet-stream.
    [[nodiscard]] std::string_view of(std::string_view file_name) const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };

    std::unordered_map<std::string, std::string, Hash, std::equal_to<>> added_;
};

}  // namespace spate::http
