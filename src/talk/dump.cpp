#include "talk/dump.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "talk/hex.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"

namespace spate::talk {

std::expected<Dump, std::string> Dump::open(const std::string& path) {
    Dump dump;
    if (path.empty()) return dump;
    dump.path_ = path;
    dump.file_.reset(std::fopen(path.c_str(), "we"));
    if (!dump.file_) {
        return std::unexpected(
            fmt::format("--dump '{}': {}", term::printable(path), std::strerror(errno)));
    }
    return dump;
}

void Dump::record(Way way, std::string_view peer, std::span<const std::byte> bytes, WallTime now) {
    if (!file_) return;
    const std::string text = fmt::format("{} {}{} {} bytes\n", way == Way::sent ? '>' : '<',
                                         stamps_.next(now), peer, bytes.size()) +
                             hex_dump(bytes);
    const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size();
    if (written && std::fflush(file_.get()) == 0) return;
    term::print(stderr, "spate: --dump '{}': {}; recording ends\n", term::printable(path_),
                std::strerror(errno));
    file_.reset();
}

}  // namespace spate::talk
