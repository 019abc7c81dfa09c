// spate udp: a datagram socket by hand.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <spate/engine.hpp>
#include <spate/loop.hpp>
#include <spate/udp.hpp>

#include "commands.hpp"
#include "run_talk.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "udp_arguments.hpp"

namespace {

using namespace spate;
using namespace spate::talk;

constexpr int usage_error = 2;

constexpr const char* help =
    "A datagram socket by hand.\n"
    "\n"
    "usage: spate udp send [OPTION...] HOST:PORT [TEXT]    datagrams to somebody\n"
    "       spate udp listen [OPTION...] [:PORT]           from anybody\n"
    "       spate udp chat [OPTION...] [HOST:PORT]         both, as a chat\n"
    "\n"
    "spate udp send --help and so on say more.\n";

Result<std::unique_ptr<UdpSocket>> open_socket(Loop& loop, const UdpSocketArguments& arguments) {
    auto socket = UdpSocket::open(loop, arguments.local, arguments.options);
    // No IPv6 here: IPv4 alone does.
    if (!socket && socket.error().code == EAFNOSUPPORT && arguments.local.is_wildcard())
        socket =
            UdpSocket::open(loop, Address::any(AF_INET, arguments.local.port()), arguments.options);
    return socket;
}

// What fails is told, and the socket closed by who has it.
Result<void> set_up(UdpSocket& socket, const UdpSocketArguments& arguments) {
    if (arguments.interface != 0)
        if (auto set = socket.set_multicast_interface(arguments.interface); !set) return set;
    if (arguments.ttl != 0) {
        if (auto set = socket.set_ttl(arguments.ttl); !set) return set;
        if (auto set = socket.set_multicast_ttl(arguments.ttl); !set) return set;
    }
    if (arguments.group) return socket.join(*arguments.group, arguments.interface);
    return {};
}

// Opens the socket, says where it is, hands it to `use`, which closes it.
template <typename Use>
Task<Ending> with_socket(Loop& loop, const UdpSocketArguments& arguments, bool announce, Use use) {
    auto socket = open_socket(loop, arguments);
    if (!socket) {
        const std::string where = arguments.local.text();
        co_return Ending{1, where + ": " + socket.error().message()};
    }
    if (auto done = set_up(**socket, arguments); !done) {
        co_await (*socket)->close();
        const std::string where = (arguments.group ? *arguments.group : arguments.local).text();
        co_return Ending{1, where + ": " + done.error().message()};
    }
    auto local = Address::of_local((*socket)->fd());
    const std::string name = local ? local->text() : arguments.local.text();
    if (announce) spate::term::print(stderr, "listening on {}\n", name);
    Ending ending = co_await use(**socket);
    if (name.starts_with("unix:/")) ::unlink(name.c_str() + 5);
    co_return ending;
}

// Stops this process as Ctrl-Z does where the signal is not waited for; returns when it goes on.
void stop_process() {
    sigset_t stop;
    ::sigemptyset(&stop);
    ::sigaddset(&stop, SIGTSTP);
    ::raise(SIGTSTP);
    ::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
    ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
}

// The line that is being typed, through what happens to the terminal.
void keep_line(UdpChat& chat, int signal) {
    if (signal == SIGWINCH) return chat.redraw();
    if (signal == SIGTSTP) {
        chat.suspend();
        stop_process();
    }
    chat.resume();
}

int run_send(int argc, char** argv) {
    auto arguments = parse_udp_send(argc, argv);
    if (!arguments) return arguments.error();
    auto dump = Dump::open(arguments->post.text.dump);
    if (!dump) return complain("udp send", dump.error());
    Fd file;
    if (const std::string& path = arguments->post.file; !path.empty()) {
        file = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file)
            return complain("udp send", fmt::format("--file '{}': {}", term::printable(path),
                                                    std::strerror(errno)));
    }
    return run_on_loop("udp send", [&](Loop& loop) -> Task<Ending> {
        Input input(loop, file ? file.get() : STDIN_FILENO);
        Output output(loop);
        const auto use = [&](UdpSocket& socket) -> Task<Ending> {
            UdpPost post(loop, socket, arguments->peer, input, output, *dump, arguments->post);
            Ending ending = co_await post.run();
            co_return ending;
        };
        Ending ending = co_await with_socket(loop, arguments->socket, false, use);
        co_return ending;
    });
}

int run_listen(int argc, char** argv) {
    auto arguments = parse_udp_listen(argc, argv);
    if (!arguments) return arguments.error();
    auto dump = Dump::open(arguments->host.text.dump);
    if (!dump) return complain("udp listen", dump.error());
    auto signals = Signals::open({SIGINT, SIGTERM});
    if (!signals) return complain("udp listen", signals.error().message());
    return run_on_loop("udp listen", [&](Loop& loop) -> Task<Ending> {
        Output output(loop);
        const auto use = [&](UdpSocket& socket) -> Task<Ending> {
            UdpHost host(socket, output, *dump, arguments->host);
            auto running = until_signal(loop, *signals, host.run(), [](int) {}, [] {});
            Ending ending = co_await running;
            co_return ending;
        };
        Ending ending = co_await with_socket(loop, arguments->socket, !arguments->quiet, use);
        co_return ending;
    });
}

int run_chat(int argc, char** argv) {
    auto arguments = parse_udp_chat(argc, argv);
    if (!arguments) return arguments.error();
    auto dump = Dump::open(arguments->chat.text.dump);
    if (!dump) return complain("udp chat", dump.error());
    auto signals = Signals::open({SIGINT, SIGTERM, SIGWINCH, SIGTSTP, SIGCONT});
    if (!signals) return complain("udp chat", signals.error().message());
    return run_on_loop("udp chat", [&](Loop& loop) -> Task<Ending> {
        Input input(loop);
        Output output(loop);
        const auto use = [&](UdpSocket& socket) -> Task<Ending> {
            UdpChat chat(loop, socket, input, output, *dump, arguments->chat);
            const auto terminal = [&](int signal) { keep_line(chat, signal); };
            auto running = until_signal(loop, *signals, chat.run(), terminal, [] {});
            Ending ending = co_await running;
            co_return ending;
        };
        Ending ending = co_await with_socket(loop, arguments->socket, !arguments->quiet, use);
        co_return ending;
    });
}

}  // namespace

int spate_udp(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "send") return run_send(argc - 1, argv + 1);
    if (command == "listen") return run_listen(argc - 1, argv + 1);
    if (command == "chat") return run_chat(argc - 1, argv + 1);
    const bool asked = command == "--help" || command == "-h" || command == "help";
    spate::term::write(asked ? stdout : stderr, help);
    return asked ? 0 : usage_error;
}
