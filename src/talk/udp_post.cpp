#include "talk/udp_post.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "talk/alarm.hpp"
#include "talk/lines.hpp"
#include "talk/udp_text.hpp"
#include "term/units.hpp"

namespace spate::talk {
namespace {

// How long the network may take to say that nobody is there, when no answer is waited for.
constexpr auto bad_news = std::chrono::milliseconds(50);

}  // namespace

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
    loop_.spawn(hear());
    if (options_.payload)
        co_await send_payload();
    else
        co_await send_lines();
    co_await await_answer();
    co_await socket_.close();
    while (!hearing_ended_) {
        heard_.reset();
        co_await heard_.wait();
    }
    if (failure_.empty() && options_.wait_reply > Duration{0} && !answered_) {
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
                failure_ = fmt::format("standard output: {}", std::strerror(written.error().code));
        }
        answered_ = answered_ || batch.size() > 0;
        if (!batch.errors().empty()) failure_ = error_line(batch.errors()[0]);
        heard_.set();
    }
    hearing_ended_ = true;
    heard_.set();
}

// False when it makes no sense to go on.
Task<bool> UdpPost::send(std::string_view bytes) {
    if (sent_ > 0 && options_.interval > Duration{0}) co_await loop_.sleep_for(options_.interval);
    if (auto limit = too_long(bytes.size(), peer_); !limit.empty()) {
        fmt::print(stderr, "spate udp send: not sent: {}\n", limit);
        failure_ = "a message was too long";
        co_return true;
    }
    const auto payload = std::as_bytes(std::span(bytes));
    auto sent = co_await socket_.send_to(payload, peer_);
    if (!sent) {
        failure_ = fmt::format("{}: {}", options_.name, sent.error().message());
        co_return false;
    }
    ++sent_;
    dump_.record(Way::sent, peer_.text(), payload, std::chrono::system_clock::now());
    // A refusal ends what would go on for ever.
    co_return failure_.empty();
}

Task<void> UdpPost::send_payload() {
    for (std::uint64_t round = 0; options_.count == 0 || round < options_.count; ++round) {
        std::string_view rest = *options_.payload;
        do {
            const std::size_t piece = options_.piece == 0 ? rest.size() : options_.piece;
            const std::string_view bytes = rest.substr(0, piece);
            rest.remove_prefix(bytes.size());
            const bool goes_on = co_await send(bytes);
            if (!goes_on) co_return;
        } while (!rest.empty());
    }
}

Task<void> UdpPost::send_lines() {
    auto wire = TextToWire::open(options_.text);
    const bool ends_lines = options_.text.line_end != LineEnd::feed;
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
            auto bytes = ends_lines ? wire->line(*line) : wire->text(*line);
            if (bytes) {
                const std::string_view payload = *bytes;
                const bool goes_on = co_await send(payload);
                if (!goes_on) co_return;
            } else {
                fmt::print(stderr, "spate udp send: not sent: {}\n", bytes.error());
            }
            line = lines.next();
        }
    }
}

Task<void> UdpPost::await_answer() {
    const bool waits = options_.wait_reply > Duration{0};
    Alarm alarm(loop_, heard_, waits ? options_.wait_reply : Duration(bad_news));
    while (!alarm.is_over() && failure_.empty() && !(waits && answered_)) {
        heard_.reset();
        co_await heard_.wait();
    }
}

}  // namespace spate::talk
