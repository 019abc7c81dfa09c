// A control connection's lines, one after the other.
#pragma once

#include <string>
#include <string_view>

#include <spate/tcp.hpp>

namespace spate::load {

class ControlLines {
  public:
    /// `stream` outlives it.
    explicit ControlLines(TcpStream& stream) : stream_(stream) {}

    /// The next line without its line feed. Errors: the stream's; ECONNRESET at its end, half a
    /// line or none; EMSGSIZE for one of more than most_line_bytes.
    [[nodiscard]] Task<Result<std::string>> next();
    [[nodiscard]] Task<Result<void>> send(std::string_view line);

  private:
    TcpStream& stream_;
    std::string waiting_;
};

}  // namespace spate::load
