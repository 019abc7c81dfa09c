#include "talk/conversation.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include <spate/timeout.hpp>

#include "talk/lines.hpp"
#include "term/print.hpp"
#include "term/units.hpp"

namespace spate::talk {
namespace {

// After the peer's end, how long a pipe may have nothing to send. socat's, too.
constexpr auto quiet_input = std::chrono::milliseconds(500);

WallTime wall_time() {
    return std::chrono::system_clock::now();
}

}  // namespace

TextOptions shown_on(bool terminal, const ConversationOptions& options) {
    TextOptions text = options.text;
    if (terminal && text.encoding.empty()) text.encoding = "utf-8";
    return text;
}

Conversation::Conversation(TcpStream& stream, std::string peer, Input& input, Output& output,
                           Dump& dump, const ConversationOptions& options)
    : stream_(stream),
      peer_(std::move(peer)),
      input_(input),
      output_(output),
      dump_(dump),
      options_(options),
      activity_(stream, options.idle_timeout) {}

Task<Ending> Conversation::run() {
    const StopToken stop = co_await current_stop();
    TaskGroup sending(stream_.loop(), stop);
    sending.spawn(send_all());
    const bool as_it_is = options_.text.plain() && (options_.raw || ::isatty(output_.fd()) == 0);
    Relayed received;
    if (as_it_is)
        received = co_await relay_output(stream_, output_, activity_);
    else
        received = co_await show_all();
    if (received) co_await finish_sending(sending);
    const int aborted = stream_.aborted();
    sending.request_stop();
    stream_.abort(ECANCELED);
    (void)co_await sending.join();
    co_await stream_.close();
    if (stop.stop_requested()) co_return Ending{1, peer_ + ": interrupted"};
    if (aborted == ETIMEDOUT) {
        const std::string time = term::format_duration(options_.idle_timeout);
        co_return Ending{1, fmt::format("{}: nothing moved for {}", peer_, time)};
    }
    co_return ending_of(received);
}

Task<void> Conversation::send_all() {
    if (options_.text.plain())
        sent_ = co_await relay_input(input_, stream_, activity_);
    else
        sent_ = co_await send_lines();
    const StopToken stop = co_await current_stop();
    const bool said_nothing = options_.keep_open_without_input && activity_.sent() == 0;
    if (!stop.stop_requested() && !said_nothing) stream_.finish_sending();
    sending_ended_.notify_all();
}

// The peer has ended. Whether it still takes anything is not known before it is sent.
Task<void> Conversation::finish_sending(const TaskGroup& sending) {
    if (input_.kind() == Input::Kind::terminal) co_return;
    const bool waits = input_.kind() != Input::Kind::file;
    const Duration patience = waits ? Duration(quiet_input) : Duration::max();
    while (sending.running() != 0) {
        const std::uint64_t sent = activity_.sent();
        auto ended = with_timeout(stream_.loop(), patience, end_of_sending());
        (void)co_await ended;
        if (activity_.sent() == sent) co_return;
    }
}

Task<Result<void>> Conversation::end_of_sending() {
    const bool ended = co_await sending_ended_.wait();
    if (!ended) co_return fail(ECANCELED, "send");
    co_return Result<void>{};
}

Task<Relayed> Conversation::send_lines() {
    auto wire = TextToWire::open(options_.text);
    Lines lines;
    std::vector<std::byte> memory(64 << 10);
    for (;;) {
        const std::span<std::byte> room(memory);
        auto got = co_await input_.read(room);
        if (!got && got.error().code == ECANCELED) co_return Relayed{};
        if (!got) co_return std::unexpected(RelayError{RelayError::Side::standard, got.error()});
        lines.feed({reinterpret_cast<const char*>(memory.data()), *got});
        while (auto line = lines.next()) {
            auto bytes = wire->line(*line);
            auto sent = co_await send_bytes(std::move(bytes));
            if (!sent) co_return sent;
        }
        if (*got != 0) continue;
        if (auto rest = lines.rest()) {
            auto bytes = wire->text(*rest);
            auto sent = co_await send_bytes(std::move(bytes));
            co_return sent;
        }
        co_return Relayed{};
    }
}

// What cannot be sent is told, and the next line is.
Task<Relayed> Conversation::send_bytes(std::expected<std::string, EncodingError> bytes) {
    if (!bytes) {
        line_was_refused_ = true;
        term::print(stderr, "spate: not sent: {}\n", bytes.error());
        co_return Relayed{};
    }
    auto sent = co_await stream_.send(*bytes);
    if (!sent) co_return std::unexpected(RelayError{RelayError::Side::socket, sent.error()});
    dump_.record(Way::sent, peer_, std::as_bytes(std::span(*bytes)), wall_time());
    activity_.sent(bytes->size());
    co_return Relayed{};
}

Task<Relayed> Conversation::show_all() {
    const bool terminal = ::isatty(output_.fd()) != 0 && !options_.raw;
    auto wire = WireToText::open(shown_on(terminal, options_));
    for (;;) {
        auto got = co_await stream_.receive();
        if (!got) co_return std::unexpected(RelayError{RelayError::Side::socket, got.error()});
        const WallTime now = wall_time();
        activity_.received(got->size());
        if (!got->empty()) dump_.record(Way::received, peer_, got->bytes(), now);
        std::string text = got->empty() ? wire->end_of_stream() : wire->stream(got->bytes(), now);
        if (terminal) text = harmless(text);
        const std::string_view shown = text;
        auto written = co_await output_.write(shown);
        if (!written)
            co_return std::unexpected(RelayError{RelayError::Side::standard, written.error()});
        if (got->empty()) co_return Relayed{};
    }
}

Ending Conversation::ending_of(const Relayed& received) const {
    const auto line = [this](const RelayError& failure) {
        if (failure.side == RelayError::Side::standard)
            return fmt::format("standard {}: {}",
                               std::string_view(failure.error.what) == "read" ? "input" : "output",
                               std::strerror(failure.error.code));
        if (failure.error.code == EPIPE) return fmt::format("{}: ended before all was sent", peer_);
        if (failure.error.code == ECONNRESET) return fmt::format("{}: reset by the peer", peer_);
        return fmt::format("{}: {}", peer_, failure.error.message());
    };
    if (!received) return {1, line(received.error())};
    if (!sent_ && sent_.error().error.code != ECANCELED) return {1, line(sent_.error())};
    return {line_was_refused_ ? 1 : 0, ""};
}

}  // namespace spate::talk
