#include "talk/udp_post.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <spate/task_group.hpp>
#include <spate/timeout.hpp>

#include "talk/hex.hpp"
#include "talk/lines.hpp"
#include "talk/udp_text.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "term/units.hpp"

namespace spate::talk {
namespace {

// How long the network may take to say that nobody is there, when no answer is waited for.
constexpr auto bad_news = std::chrono::milliseconds(50);

}  // namespace

std::expected<std::string, std::string> payload_of(std::string_view typed, TextToWire& wire,
                                                   const TextOptions& options) {
    if (options.hex) return parse_hex(typed);
    return options.line_end == LineEnd::feed ? wire.text(typed) : wire.line(typed);
}

UdpPost::UdpPost(Loop& loop, UdpSocket& socket, const Address& peer, Input& input, Output& output,
                 Dump& dump, const PostOptions& options)
    : loop_(loop),
      socket_(socket),
      peer_(peer),
      input_(input),
      output_(output),
      dump_(dump),
      options_(options) {}

Task<Ending> UdpPost::run() {
    const bool waits = options_.wait_reply > Duration{0};
    TaskGroup hearing(loop_);
    hearing.spawn(hear());
    if (options_.payload)
        co_await send_payload();
    else if (!options_.file.empty())
        co_await send_file();
    else
        co_await send_lines();
    const Duration patience = waits ? options_.wait_reply : Duration(bad_news);
    auto answer = with_timeout(loop_, patience, answered());
    (void)co_await answer;
    co_await socket_.close();
    (void)co_await hearing.join();
    if (failure_.empty() && waits && !answered_) {
        failure_ = fmt::format("{}: no answer within {}", options_.name,
                               term::format_duration(options_.wait_reply));
    }
    co_return Ending{failure_.empty() ? 0 : 1, failure_};
}

Task<void> UdpPost::hear() {
    auto wire = WireToText::open(options_.text);
    const bool colour = term::probe_screen(output_.fd()).colour;
    DatagramBatch batch;
    for (;;) {
        auto got = co_await socket_.receive(batch);
        if (!got) break;
        const WallTime now = std::chrono::system_clock::now();
        std::string text;
        for (const Datagram& datagram : batch) {
            const std::string who = datagram.peer.text();
            for (auto payload : datagram.segments()) {
                dump_.record(Way::received, who, payload, now);
                text += datagram_line(*wire, who, payload, now, options_.text.hex, colour);
            }
        }
        if (options_.wait_reply > Duration{0} && !text.empty()) {
            const std::string_view shown = text;
            auto written = co_await output_.write(shown);
            if (!written)
                give_up(fmt::format("standard output: {}", std::strerror(written.error().code)));
        }
        answered_ = answered_ || batch.size() > 0;
        if (!batch.errors().empty()) give_up(error_line(batch.errors()[0]));
        heard_.notify_all();
    }
}

// What is hopeless ends even what would go on for ever.
void UdpPost::give_up(std::string why) {
    failure_ = std::move(why);
    gave_up_ = true;
}

// The messages after it are sent.
void UdpPost::refuse(std::string_view why) {
    term::print(stderr, "spate udp send: not sent: {}\n", why);
    failure_ = "not everything was sent";
}

// False when it makes no sense to go on.
Task<bool> UdpPost::send(std::string_view bytes) {
    if (sent_ > 0 && options_.interval > Duration{0}) co_await loop_.sleep_for(options_.interval);
    if (auto limit = too_long(bytes.size(), peer_); !limit.empty()) {
        refuse(limit);
        co_return true;
    }
    const auto payload = std::as_bytes(std::span(bytes));
    auto sent = co_await socket_.send_to(payload, peer_);
    if (!sent) {
        give_up(fmt::format("{}: {}", options_.name, sent.error().message()));
        co_return false;
    }
    ++sent_;
    dump_.record(Way::sent, peer_.text(), payload, std::chrono::system_clock::now());
    co_return !gave_up_;
}

Task<void> UdpPost::send_payload() {
    const std::string_view bytes = *options_.payload;
    for (std::uint64_t round = 0; options_.count == 0 || round < options_.count; ++round) {
        const bool goes_on = co_await send(bytes);
        if (!goes_on) co_return;
    }
}

Task<void> UdpPost::send_file() {
    for (std::uint64_t round = 0; options_.count == 0 || round < options_.count; ++round) {
        if (round > 0 && ::lseek(input_.fd(), 0, SEEK_SET) < 0)
            co_return give_up(fmt::format("--file '{}': it cannot be read again: {}",
                                          term::printable(options_.file), std::strerror(errno)));
        const bool goes_on = co_await send_pieces();
        if (!goes_on) co_return;
    }
}

// Whole ones, however they come, and what is left at the end. Nothing is one that is empty.
Task<bool> UdpPost::send_pieces() {
    std::string piece(options_.piece, '\0');
    std::size_t filled = 0;
    bool any = false;
    for (;;) {
        const auto room = std::as_writable_bytes(std::span(piece)).subspan(filled);
        auto got = co_await input_.read(room);
        if (!got) {
            give_up(fmt::format("--file '{}': {}", term::printable(options_.file),
                                std::strerror(got.error().code)));
            co_return false;
        }
        filled += *got;
        const bool at_end = *got == 0;
        if (!at_end && filled < piece.size()) continue;
        if (at_end && filled == 0 && any) co_return true;
        const std::string_view bytes(piece.data(), std::exchange(filled, 0));
        const bool goes_on = co_await send(bytes);
        if (!goes_on || at_end) co_return goes_on;
        any = true;
    }
}

Task<void> UdpPost::send_lines() {
    auto wire = TextToWire::open(options_.text);
    Lines lines;
    std::vector<std::byte> memory(64 << 10);
    for (bool more = true; more;) {
        const std::span<std::byte> room(memory);
        auto got = co_await input_.read(room);
        if (!got) break;
        more = *got != 0;
        lines.feed({reinterpret_cast<const char*>(memory.data()), *got});
        auto line = more ? lines.next() : lines.rest();
        while (line) {
            auto bytes = payload_of(*line, *wire, options_.text);
            if (bytes) {
                const std::string_view payload = *bytes;
                const bool goes_on = co_await send(payload);
                if (!goes_on) co_return;
            } else {
                refuse(bytes.error());
            }
            line = lines.next();
        }
    }
}

// Or that nobody is there. Where none is waited for, its time-out is the good end.
Task<Result<void>> UdpPost::answered() {
    const bool waits = options_.wait_reply > Duration{0};
    while (!gave_up_ && !(waits && answered_)) {
        const bool notified = co_await heard_.wait();
        if (!notified) co_return fail(ECANCELED, "wait");
    }
    co_return Result<void>{};
}

}  // namespace spate::talk
