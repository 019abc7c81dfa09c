// Text for people, who may have gone.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace spate::term {

/// Writes to a stream. What cannot be written, as the disk is full or the pipe closed, is no
/// exception, which fmt::print makes of it: ferror(3) tells afterwards who wants to know.
inline void write(std::FILE* to, std::string_view text) {
    // Its count says no more than ferror() does.
    [[maybe_unused]] const std::size_t written = std::fwrite(text.data(), 1, text.size(), to);
}

template <typename... Args>
void print(std::FILE* to, fmt::format_string<Args...> format, Args&&... args) {
    write(to, fmt::format(format, std::forward<Args>(args)...));
}

/// Flushes, and tells of all that was written since the stream was opened: nothing where it went
/// well, else the reason; "" of an earlier write, whose reason is gone.
[[nodiscard]] inline std::optional<std::string> failure_of(std::FILE* stream) {
    errno = 0;
    if (std::fflush(stream) == 0 && std::ferror(stream) == 0) return std::nullopt;
    return errno != 0 ? std::strerror(errno) : "";
}

}  // namespace spate::term
