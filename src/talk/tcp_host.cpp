#include "talk/tcp_host.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <new>
#include <utility>
#include <vector>

#include <spate/timeout.hpp>

#include "talk/child.hpp"
#include "talk/member.hpp"
#include "term/print.hpp"

namespace spate::talk {
namespace {

// How long a client may take to notice that it has had its answer.
constexpr auto farewell = std::chrono::seconds(2);
// How long one that does not keep up with a room may hold up the others.
constexpr auto slowness = std::chrono::seconds(1);
// How long one of several may take nothing of the input, which waits for the slowest.
constexpr auto stall = std::chrono::seconds(10);
// A line of a room that is longer is told in pieces.
constexpr std::size_t longest_line = 64 << 10;
constexpr const char* no_memory = "spate: out of memory: a client was cut off\n";

WallTime wall_time() {
    return std::chrono::system_clock::now();
}

bool is_fault(int code) {
    return code != 0 && code != ECANCELED;
}

const char* reason(int code) {
    return code == ENOBUFS ? "took nothing and was cut off" : std::strerror(code);
}

std::string name_of(int socket) {
    auto peer = Address::of_peer(socket);
    return peer ? peer->text() : "somebody";
}

// Ends our half, and reads the peer's to its end: closing with bytes unread would reset the
// connection and take the answer back.
Task<Result<void>> part(TcpStream& stream) {
    stream.finish_sending();
    stream.set_deadline(later(stream.loop().now(), farewell));
    for (;;) {
        auto got = co_await stream.receive();
        if (!got) co_return std::unexpected(got.error());
        if (got->empty()) co_return Result<void>{};
    }
}

// Typed lines as bytes for the wire, as far as they are whole; at the end of the input, all.
std::string encode(Lines& lines, TextToWire& wire, bool at_end) {
    std::string bytes;
    const auto add = [&bytes](const std::expected<std::string, EncodingError>& encoded) {
        if (encoded)
            bytes += *encoded;
        else
            term::print(stderr, "spate: not sent: {}\n", encoded.error());
    };
    while (auto line = lines.next())
        add(wire.line(*line));
    if (auto rest = at_end ? lines.rest() : std::nullopt) add(wire.text(*rest));
    return bytes;
}

}  // namespace

TcpHost::TcpHost(TcpListener& listener, Input& input, Output& output, Dump& dump,
                 const HostOptions& options)
    : listener_(listener),
      loop_(*Loop::current()),
      input_(input),
      output_(output),
      dump_(dump),
      options_(options),
      terminal_(::isatty(output.fd()) != 0 && !options.conversation.raw) {}

Task<Ending> TcpHost::run() {
    const StopToken stop = co_await current_stop();
    TaskGroup group(loop_, stop);
    group_ = &group;
    if (options_.mode == HostMode::show && !options_.once) group.spawn(hand_out_input());
    auto accepting = with_stop(group.token(), accept_all());
    co_await accepting;
    group.request_stop();
    co_await listener_.close();
    auto leaving = shield(all_left());
    co_await leaving;
    auto joined = co_await group.join();
    if (!joined) ending_ = {1, joined.error().message()};
    co_return ending_;
}

// Clients are no tasks of the group: want of memory for one would be the end of all.
Task<void> TcpHost::accept_all() {
    const unsigned most = options_.most_connections;
    for (;;) {
        while (most != 0 && connections_ >= most) {
            const bool notified = co_await changed_.wait();
            if (!notified) co_return;
        }
        auto socket = co_await listener_.accept();
        if (!socket) co_return;
        ++connections_;
        if (options_.once) {
            co_await listener_.close();
            co_await serve(std::move(*socket));
            co_return;
        }
        try {
            loop_.spawn(serve(std::move(*socket)), group_->token());
        } catch (const std::bad_alloc&) {
            --connections_;
            term::print(stderr, no_memory);
        }
    }
}

Task<void> TcpHost::all_left() {
    while (connections_ != 0)
        (void)co_await changed_.wait();
}

void TcpHost::kill_programs() {
    for (Child* child : children_)
        child->kill();
}

Task<void> TcpHost::serve(Fd socket) {
    try {
        std::string peer = name_of(socket.get());
        came(peer);
        if (options_.mode == HostMode::exec)
            co_await execute(std::move(socket), std::move(peer));
        else
            co_await serve_member(std::move(socket), std::move(peer));
    } catch (const std::bad_alloc&) {
        term::print(stderr, no_memory);
    }
    --connections_;
    changed_.notify_all();
}

Task<void> TcpHost::serve_member(Fd socket, std::string peer) {
    TcpStream stream(loop_, std::move(socket));
    if (options_.mode == HostMode::show && options_.once) {
        ending_ = co_await converse(stream, peer);
        co_return;
    }
    try {
        co_await attend(stream, std::move(peer));
    } catch (const std::bad_alloc&) {
        term::print(stderr, no_memory);
    }
    co_await stream.close();
}

// From spawn() on nothing that may find no memory throws: the group holds the member until join().
Task<void> TcpHost::attend(TcpStream& stream, std::string peer) {
    const StopToken stop = co_await current_stop();
    auto wire = WireToText::open(shown_on(terminal_, options_.conversation));
    Member member(stream, std::move(peer), options_.conversation.idle_timeout, std::move(*wire),
                  changed_);
    auto place = std::list<Member*>{&member};
    TaskGroup sending(loop_, stop);
    sending.spawn(member.send_all());
    members_.splice(members_.end(), place);
    changed_.notify_all();
    auto hearing = with_stop(sending.token(), hear(member));
    auto heard = co_await hearing;
    int code = stream.aborted() != 0 ? stream.aborted() : heard ? 0 : heard.error().code;
    std::erase(members_, &member);
    if (options_.mode == HostMode::reply) (void)co_await part(stream);
    sending.request_stop();
    stream.abort(ECANCELED);
    auto joined = co_await sending.join();
    if (!joined) code = joined.error().code;
    co_await stream.close();
    left(member.name, member.activity, code);
    if (options_.once && is_fault(code)) ending_ = {1, member.name + ": " + reason(code)};
}

Task<Ending> TcpHost::converse(TcpStream& stream, const std::string& peer) {
    Conversation conversation(stream, peer, input_, output_, dump_, options_.conversation);
    auto ending = co_await conversation.run();
    left(peer, conversation.activity(), 0);
    co_return ending;
}

Task<Result<void>> TcpHost::hear(Member& member) {
    for (;;) {
        auto got = co_await member.stream.receive();
        if (!got) co_return std::unexpected(got.error());
        if (got->empty()) break;
        const std::span<const std::byte> bytes = got->bytes();
        dump_.record(Way::received, member.name, bytes, wall_time());
        member.activity.received(bytes.size());
        auto answered = co_await answer(member, bytes);
        if (!answered || options_.mode == HostMode::reply) co_return answered;
    }
    if (options_.mode == HostMode::broadcast) {
        if (auto rest = member.lines.rest()) tell_others(member, *rest);
        co_return Result<void>{};
    }
    std::string rest = member.wire.end_of_stream();
    auto written = co_await write(std::move(rest));
    co_return written;
}

Task<Result<void>> TcpHost::answer(Member& member, std::span<const std::byte> bytes) {
    if (options_.mode == HostMode::broadcast) {
        hear_lines(member, bytes);
        co_await wait_for_the_slow();
        co_return Result<void>{};
    }
    if (options_.mode != HostMode::echo) {
        auto shown = co_await show(member, bytes);
        if (!shown || options_.mode == HostMode::show) co_return shown;
        bytes = std::as_bytes(std::span(options_.reply));
    }
    auto sent = co_await member.stream.send(bytes);
    if (!sent) co_return sent;
    dump_.record(Way::sent, member.name, bytes, wall_time());
    member.activity.sent(bytes.size());
    co_return Result<void>{};
}

// Bytes for a program, text for a person. What is answered at once is a message, and shows as a
// line of its own.
Task<Result<void>> TcpHost::show(Member& member, std::span<const std::byte> bytes) {
    std::string text = member.wire.stream(bytes, wall_time());
    if (options_.mode == HostMode::reply) {
        text += member.wire.end_of_stream();
        if (!text.ends_with('\n')) text += '\n';
    }
    auto written = co_await write(std::move(text));
    co_return written;
}

// Without its output there is nothing to listen for.
Task<Result<void>> TcpHost::write(std::string text) {
    if (terminal_) text = harmless(text);
    const std::string_view shown = text;
    auto written = co_await output_.write(shown);
    if (!written && is_fault(written.error().code)) {
        ending_ = {1, fmt::format("standard output: {}", std::strerror(written.error().code))};
        group_->request_stop();
    }
    co_return written;
}

// As the bytes are, so that the room speaks whatever its members do.
void TcpHost::hear_lines(Member& member, std::span<const std::byte> bytes) {
    member.lines.feed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    while (auto line = member.lines.next())
        tell_others(member, *line);
    if (member.lines.unfinished() > longest_line) tell_others(member, *member.lines.rest());
}

void TcpHost::tell_others(const Member& member, std::string_view line) {
    const std::string said = fmt::format("{}: {}\n", member.name, line);
    for (Member* other : members_)
        if (other != &member) tell(*other, said);
}

void TcpHost::tell(Member& member, std::string_view bytes) {
    member.say(bytes);
    dump_.record(Way::sent, member.name, std::as_bytes(std::span(bytes)), wall_time());
}

// A room goes at the pace of those who keep up; the input, at the pace of the slowest that takes
// anything.
Task<void> TcpHost::wait_for_the_slow() {
    const bool room = options_.mode == HostMode::broadcast;
    const Duration patience = room ? slowness : stall;
    for (Member* member : members_)
        (void)member->took_something();
    while (somebody_is_slow()) {
        auto waiting = with_timeout(loop_, patience, until_nobody_is_slow());
        auto waited = co_await waiting;
        if (waited || waited.error().code != ETIMEDOUT) co_return;
        for (Member* member : members_)
            if (member->full() && (room || is_stuck(*member))) member->cut_off();
    }
}

bool TcpHost::somebody_is_slow() const {
    return std::ranges::any_of(members_, &Member::full);
}

Task<Result<void>> TcpHost::until_nobody_is_slow() {
    while (somebody_is_slow()) {
        const bool notified = co_await changed_.wait();
        if (!notified) co_return fail(ECANCELED, "wait");
    }
    co_return Result<void>{};
}

// One alone holds nobody up.
bool TcpHost::is_stuck(Member& member) const {
    return !member.took_something() && members_.size() > 1;
}

Task<void> TcpHost::execute(Fd socket, std::string peer) {
    auto address = Address::of_peer(socket.get());
    if (!options_.exec_anywhere && (!address || !is_local(*address))) {
        term::print(stderr, "spate: {} is not on loopback: --exec is not for it\n", peer);
        co_return;
    }
    auto started = Child::start(options_.command, std::move(socket));
    if (!started) {
        term::print(stderr, "spate: --exec: {}\n", started.error().message());
        co_return;
    }
    Child& child = **started;
    children_.push_back(&child);
    const int status = co_await child.ended(loop_);
    std::erase(children_, &child);
    if (!options_.quiet) term::print(stderr, "{} left; its program ended with {}\n", peer, status);
}

// Waits for somebody to say it to, so that nothing is said to nobody.
Task<void> TcpHost::hand_out_input() {
    std::vector<std::byte> memory(64 << 10);
    auto wire = TextToWire::open(options_.conversation.text);
    Lines lines;
    for (;;) {
        while (members_.empty()) {
            const bool notified = co_await changed_.wait();
            if (!notified) co_return;
        }
        const std::span<std::byte> room(memory);
        auto got = co_await input_.read(room);
        if (!got) co_return;
        const bool at_end = *got == 0;
        std::string bytes(reinterpret_cast<const char*>(memory.data()), *got);
        if (!options_.conversation.text.plain()) {
            lines.feed(bytes);
            bytes = encode(lines, *wire, at_end);
        }
        for (Member* member : members_)
            if (!bytes.empty()) tell(*member, bytes);
        if (at_end) co_return;
        co_await wait_for_the_slow();
    }
}

void TcpHost::came(const std::string& peer) {
    if (!options_.quiet) term::print(stderr, "{} connected\n", peer);
}

void TcpHost::left(const std::string& peer, const Activity& activity, int code) {
    if (options_.quiet) return;
    const bool fault = is_fault(code);
    term::print(stderr, "{} left; {} bytes received, {} sent{}{}\n", peer, activity.received(),
                activity.sent(), fault ? ": " : "", fault ? reason(code) : "");
}

}  // namespace spate::talk
