#include "talk/udp_chat.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include <spate/task_group.hpp>

#include "talk/chat_line.hpp"
#include "talk/endpoint.hpp"
#include "talk/lines.hpp"
#include "term/escape.hpp"

namespace spate::talk {
namespace {

// How long the network may take to say that nobody is there, after the end of a piped input.
constexpr auto bad_news = std::chrono::milliseconds(50);
constexpr std::size_t most_peers = 1000;
constexpr std::size_t most_echoes = 16;

constexpr std::string_view help =
    "/to HOST:PORT   talk to them from now on; /to 2 to the second of /peers\n"
    "/peers          who was heard from, and who you talk to\n"
    "/nick NAME      put a name before what you say; /nick alone takes it away\n"
    "/hex            show messages as hex dumps, or as text again\n"
    "/quit           leave (so does Ctrl-D). //text says /text\n";

bool is_own_address(const Address& address) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return false;
    bool found = false;
    for (const ifaddrs* each = all; each != nullptr && !found; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) continue;
        const int family = each->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const auto size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        found = Address(each->ifa_addr, static_cast<socklen_t>(size)).host() == address.host();
    }
    ::freeifaddrs(all);
    return found;
}

}  // namespace

UdpChat::UdpChat(Loop& loop, UdpSocket& socket, Input& input, Output& output, Dump& dump,
                 const ChatOptions& options)
    : loop_(loop),
      socket_(socket),
      input_(input),
      output_(output),
      dump_(dump),
      options_(options),
      from_wire_(std::move(*WireToText::open(options.text))),
      to_wire_(std::move(*TextToWire::open(options.text))),
      nick_(options.nick),
      hex_(options.text.hex),
      colour_(term::probe_screen(output.fd()).colour),
      target_(options.peer) {
    if (target_ && is_group(*target_)) groups_.push_back(*target_);
}

Task<Ending> UdpChat::run() {
    const StopToken stop = co_await current_stop();
    TaskGroup hearing(loop_, stop);
    hearing.spawn(hear());
    auto reading = with_stop(hearing.token(), read());
    co_await reading;
    co_await socket_.close();
    (void)co_await hearing.join();
    const bool piped = editor_ == nullptr;
    editor_.reset();
    if (!failure_.empty()) co_return Ending{1, failure_};
    co_return Ending{piped && something_failed_ ? 1 : 0, ""};
}

void UdpChat::redraw() {
    if (editor_ && is_ready(output_.fd(), POLLOUT)) editor_->redraw();
}

void UdpChat::suspend() {
    if (editor_) editor_->suspend();
}

void UdpChat::resume() {
    if (editor_) editor_->resume();
}

// Fails with the output, which ends the reading as well.
Task<Result<void>> UdpChat::hear() {
    DatagramBatch batch;
    while (!over()) {
        auto got = co_await socket_.receive(batch);
        if (!got) co_return Result<void>{};
        const WallTime now = std::chrono::system_clock::now();
        for (const Datagram& datagram : batch)
            co_await take(datagram, now);
        for (const DatagramError& error : batch.errors()) {
            something_failed_ = true;
            std::string line = error_line(error) + '\n';
            co_await put(std::move(line));
        }
    }
    co_return fail(EPIPE, "write");
}

Task<void> UdpChat::take(const Datagram& datagram, WallTime now) {
    const std::string who = datagram.peer.text();
    for (auto payload : datagram.segments()) {
        dump_.record(Way::received, who, payload, now);
        const std::string_view bytes(reinterpret_cast<const char*>(payload.data()), payload.size());
        if (own_echo(datagram.peer, bytes)) continue;
        Peer& peer = meet(datagram.peer);
        ++peer.messages;
        peer.last = now;
        std::string line = datagram_line(from_wire_, who, payload, now, hex_, colour_);
        co_await put(std::move(line));
    }
}

// What is said to a group or to all (broadcast) comes back to who said it.
bool UdpChat::own_echo(const Address& from, std::string_view payload) {
    const auto said = std::ranges::find(said_to_many_, payload);
    if (said == said_to_many_.end()) return false;
    auto local = Address::of_local(socket_.fd());
    if (!local || local->port() != from.port() || !is_own_address(from)) return false;
    said_to_many_.erase(said);
    return true;
}

UdpChat::Peer& UdpChat::meet(const Address& address) {
    const auto known = std::ranges::find(peers_, address, &Peer::address);
    if (known != peers_.end()) return *known;
    // A flood of forged senders must not fill the memory: the one heard from longest ago goes.
    if (peers_.size() == most_peers)
        peers_.erase(std::ranges::min_element(peers_, {}, &Peer::last));
    return peers_.emplace_back(address);
}

Task<void> UdpChat::put(std::string text) {
    const std::string_view shown = text;
    Result<void> written;
    if (editor_) {
        written = co_await wait_until_ready(loop_, output_.fd(), POLLOUT);
        if (written) editor_->print(shown);
    } else {
        written = co_await output_.write(shown);
    }
    if (!written && written.error().code != ECANCELED)
        failure_ = fmt::format("standard output: {}", std::strerror(written.error().code));
}

Task<void> UdpChat::read() {
    if (input_.kind() == Input::Kind::terminal && ::isatty(output_.fd()) != 0)
        co_await read_terminal();
    else
        co_await read_lines();
}

// What the editor writes would hold up the whole loop while the terminal is held (Ctrl-S).
Task<void> UdpChat::read_terminal() {
    editor_ = std::make_unique<LineEditor>();
    std::string hint = "/to HOST:PORT says who to talk to, /help what else there is.\n";
    if (!target_) co_await put(std::move(hint));
    std::array<char, 4096> memory;
    while (!over()) {
        auto free = co_await wait_until_ready(loop_, output_.fd(), POLLOUT);
        if (!free) break;
        if (!editor_->is_editing()) editor_->begin(prompt());
        auto line = editor_->next_line();
        if (!line) {
            const auto room = std::as_writable_bytes(std::span(memory));
            auto got = co_await input_.read(room);
            if (!got || *got == 0) break;
            editor_->feed({memory.data(), *got});
            continue;
        }
        if (*line == LineEditor::end_of_input) break;
        co_await handle(std::move(*line));
    }
}

Task<void> UdpChat::read_lines() {
    Lines lines;
    std::vector<std::byte> memory(64 << 10);
    while (!over()) {
        const std::span<std::byte> room(memory);
        auto got = co_await input_.read(room);
        if (!got) co_return;
        lines.feed({reinterpret_cast<const char*>(memory.data()), *got});
        auto line = *got == 0 ? lines.rest() : lines.next();
        while (line && !over()) {
            co_await handle(std::move(*line));
            line = lines.next();
        }
        if (*got != 0) continue;
        co_await loop_.sleep_for(bad_news);
        co_return;
    }
}

Task<void> UdpChat::handle(std::string line) {
    const ChatLine typed = parse_chat_line(line);
    std::string argument(typed.argument);
    std::string answer;
    switch (typed.verb) {
        case ChatVerb::say:
            if (!argument.empty()) co_await say(std::move(argument));
            break;
        case ChatVerb::to:
            co_await choose(std::move(argument));
            break;
        case ChatVerb::peers:
            answer = list_peers();
            break;
        case ChatVerb::nick:
            nick_ = std::move(argument);
            answer = nick_.empty() ? "no name any more\n" : "you are " + nick_ + '\n';
            break;
        case ChatVerb::hex:
            hex_ = !hex_;
            answer = hex_ ? "messages show as hex dumps\n" : "messages show as text\n";
            break;
        case ChatVerb::help:
            answer = help;
            break;
        case ChatVerb::quit:
            quit_ = true;
            break;
        case ChatVerb::unknown:
            answer = fmt::format("'/{}' is nothing here; /help lists what is\n",
                                 term::printable(argument));
            break;
    }
    if (!answer.empty()) co_await put(std::move(answer));
}

Task<void> UdpChat::say(std::string text) {
    std::string complaint;
    if (!nick_.empty()) text = nick_ + ": " + text;
    const bool ends_lines = options_.text.line_end != LineEnd::feed;
    auto bytes = ends_lines ? to_wire_.line(text) : to_wire_.text(text);
    if (!target_)
        complaint = "to nobody yet: /to HOST:PORT";
    else if (!bytes)
        complaint = bytes.error();
    else
        complaint = too_long(bytes->size(), *target_);
    if (complaint.empty()) {
        const auto payload = std::as_bytes(std::span(*bytes));
        // Which addresses reach all is the routes' to know; own ones do not.
        if (!is_own_address(*target_)) said_to_many_.push_back(*bytes);
        if (said_to_many_.size() > most_echoes) said_to_many_.pop_front();
        auto sent = co_await socket_.send_to(payload, *target_);
        if (!sent) complaint = target_->text() + ": " + sent.error().message();
        dump_.record(Way::sent, target_->text(), payload, std::chrono::system_clock::now());
    }
    if (complaint.empty()) co_return;
    something_failed_ = true;
    std::string line = "not sent: " + complaint + '\n';
    co_await put(std::move(line));
}

Task<void> UdpChat::choose(std::string name) {
    std::string answer;
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_number = !name.empty() && end == name.data() + name.size();
    if (is_number && (error != std::errc{} || number == 0 || number > peers_.size())) {
        answer = fmt::format("/peers has no number {}; nothing has changed\n", name);
    } else if (is_number) {
        target_ = peers_[number - 1].address;
    } else if (!name.empty()) {
        // Name servers may be slow: messages go on arriving meanwhile.
        auto found = co_await find_addresses(loop_, offload_, name, Use::connect, options_.family);
        if (!found) {
            answer = found.error() + "; nothing has changed\n";
        } else {
            Address& first = found->front();
            first.set_zone(options_.interface);
            if (is_group(first) && !join_group(first))
                answer = fmt::format("{}: cannot join: {}\n", name, std::strerror(errno));
            else
                target_ = first;
        }
    }
    if (answer.empty())
        answer = target_ ? "talking to " + target_->text() + '\n' : "talking to nobody yet\n";
    co_await put(std::move(answer));
}

bool UdpChat::join_group(const Address& group) {
    if (std::ranges::find(groups_, group) != groups_.end()) return true;
    auto joined = socket_.join(group, options_.interface);
    if (joined)
        groups_.push_back(group);
    else
        errno = joined.error().code;
    return joined.has_value();
}

std::string UdpChat::list_peers() const {
    std::string text;
    if (peers_.empty()) text = "nobody was heard from yet\n";
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        const Peer& peer = peers_[i];
        text +=
            fmt::format("{:3} {}  {} messages, last at {}\n", i + 1, peer.address.text(),
                        peer.messages, Stamps(StampMode::absolute).next(peer.last).substr(0, 8));
    }
    return text + (target_ ? "talking to " + target_->text() + '\n' : "talking to nobody yet\n");
}

std::string UdpChat::prompt() const {
    return target_ ? target_->text() + "> " : "> ";
}

}  // namespace spate::talk
