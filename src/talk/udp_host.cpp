#include "talk/udp_host.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "talk/udp_text.hpp"
#include "term/print.hpp"
#include "term/screen.hpp"

namespace spate::talk {

UdpHost::UdpHost(UdpSocket& socket, Output& output, Dump& dump, const UdpHostOptions& options)
    : socket_(socket),
      output_(output),
      dump_(dump),
      options_(options),
      wire_(std::move(*WireToText::open(options.text))),
      colour_(term::probe_screen(output.fd()).colour) {}

Task<Ending> UdpHost::run() {
    DatagramBatch batch;
    Ending ending;
    while (options_.count == 0 || taken_ < options_.count) {
        auto got = co_await socket_.receive(batch);
        if (!got) break;
        const WallTime now = std::chrono::system_clock::now();
        std::string text;
        const std::uint64_t before = taken_;
        for (const Datagram& datagram : batch)
            take(datagram, now, text);
        const std::uint64_t taken = taken_ - before;
        for (const DatagramError& error : batch.errors())
            term::print(stderr, "spate udp listen: {}\n", error_line(error));
        const std::string_view shown = text;
        auto written = co_await output_.write(shown);
        if (!written && written.error().code == ECANCELED) break;
        if (!written) {
            ending = {1, fmt::format("standard output: {}", std::strerror(written.error().code))};
            break;
        }
        co_await answer(batch, taken);
    }
    batch = {};
    co_await socket_.close();
    co_return ending;
}

void UdpHost::take(const Datagram& datagram, WallTime now, std::string& text) {
    const std::string who = datagram.peer.text();
    for (auto payload : datagram.segments()) {
        if (options_.count != 0 && taken_ == options_.count) return;
        ++taken_;
        dump_.record(Way::received, who, payload, now);
        if (options_.raw)
            text.append(reinterpret_cast<const char*>(payload.data()), payload.size());
        else
            text += datagram_line(wire_, who, payload, now, options_.text.hex, colour_);
    }
}

// The first `count` of the batch.
Task<void> UdpHost::answer(const DatagramBatch& batch, std::uint64_t count) {
    if (!options_.echo && !options_.reply) co_return;
    std::vector<UdpSocket::Outgoing> answers;
    std::uint64_t left = count;
    for (const Datagram& datagram : batch) {
        if (left == 0) break;
        const std::uint64_t here = std::min<std::uint64_t>(left, datagram.segments().count());
        left -= here;
        if (options_.echo) {
            const std::size_t bytes = std::min(
                datagram.payload.size(), static_cast<std::size_t>(here) * datagram.segment_size);
            const auto payload = here == datagram.segments().count()
                                     ? datagram.payload
                                     : datagram.payload.first(bytes);
            answers.push_back({payload, &datagram.peer, datagram.segment_size});
            continue;
        }
        const auto reply = std::as_bytes(std::span(*options_.reply));
        for (std::uint64_t i = 0; i < here; ++i)
            answers.push_back({reply, &datagram.peer});
    }
    auto sent = co_await socket_.send(answers);
    if (!sent || *sent < count) {
        const std::string who = answers.size() == 1 ? answers[0].peer->text() + ": " : "";
        const std::string why =
            sent ? fmt::format("{} of {}", count - *sent, count) : sent.error().message();
        term::print(stderr, "spate udp listen: {}not answered: {}\n", who, why);
    }
    if (!sent || !dump_.on()) co_return;
    const WallTime now = std::chrono::system_clock::now();
    for (const UdpSocket::Outgoing& each : answers)
        for (auto payload : Segments(each.payload, each.segment_size))
            dump_.record(Way::sent, each.peer->text(), payload, now);
}

}  // namespace spate::talk
