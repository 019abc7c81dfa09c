#include "term/writer.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>

#include <spate/io.hpp>

namespace spate::term {
namespace {

constexpr std::size_t most_queued = 1024 * 1024;
constexpr std::uint64_t in_order = ~std::uint64_t{0};

}  // namespace

void Writer::write(std::string_view text) {
    if (text.empty()) return;
    if (queued_.size() + text.size() > most_queued) {
        ++dropped_;
        return;
    }
    if (dropped_ > 0)
        queued_ += fmt::format("({} messages are left out)\n", std::exchange(dropped_, 0));
    queued_ += text;
    if (idle()) writing_.spawn(drain());
}

Task<void> Writer::drain() {
    while (!queued_.empty()) {
        const std::string text = std::exchange(queued_, {});
        auto rest = std::as_bytes(std::span(text));
        while (!rest.empty()) {
            const auto written = co_await write_at(loop_, fd_, rest, in_order);
            // A kernel thread that is stopped with the process, and continued.
            if (!written && written.error().code == EINTR) continue;
            if (!written || *written == 0) break;
            rest = rest.subspan(*written);
        }
    }
    written_.notify_all();
}

Task<Result<void>> Writer::flush() {
    while (!idle()) {
        const bool notified = co_await written_.wait();
        if (!notified) co_return fail(ECANCELED, "write");
    }
    co_return Result<void>{};
}

Task<void> Writer::close() {
    queued_.clear();
    writing_.request_stop();
    (void)co_await writing_.join();
}

}  // namespace spate::term
