#include "load/control_line.hpp"

#include <cerrno>

#include "load/control_message.hpp"

namespace spate::load {

Task<Result<std::string>> ControlLines::next() {
    for (;;) {
        const std::size_t end = waiting_.find('\n');
        if (end != std::string::npos) {
            std::string line = waiting_.substr(0, end);
            waiting_.erase(0, end + 1);
            co_return line;
        }
        if (waiting_.size() > most_line_bytes) co_return fail(EMSGSIZE, "control line");
        auto got = co_await stream_.receive();
        if (!got) co_return std::unexpected(got.error());
        if (got->empty()) co_return fail(ECONNRESET, "control connection");
        waiting_ += got->text();
    }
}

Task<Result<void>> ControlLines::send(std::string_view line) {
    const std::string whole = std::string(line) + '\n';
    const std::string_view bytes = whole;
    auto sent = co_await stream_.send(bytes);
    co_return sent;
}

}  // namespace spate::load
