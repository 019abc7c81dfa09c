// A record of all bytes that went over a socket, for a person to read.
#pragma once

#include <cstdio>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "talk/stamp.hpp"

namespace spate::talk {

enum class Way { received, sent };

class Dump {
  public:
    /// Makes or empties the file; no path records nothing. Errors name the file.
    static std::expected<Dump, std::string> open(const std::string& path);

    /// "< 14:05:00.123 127.0.0.1:80 5 bytes" and a hex dump; ">" for what was sent. Written at
    /// once, so that what led to a crash is there. A full disk ends the record with one message.
    void record(Way way, std::string_view peer, std::span<const std::byte> bytes, WallTime now);
    [[nodiscard]] bool on() const { return file_ != nullptr; }

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, Close> file_;
    std::string path_;
    Stamps stamps_{StampMode::absolute};
};

}  // namespace spate::talk
