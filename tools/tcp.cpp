// spate tcp: a stream socket by hand.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>

#include <spate/engine.hpp>
#include <spate/loop.hpp>
#include <spate/tcp.hpp>

#include "commands.hpp"
#include "run_talk.hpp"
#include "talk/conversation.hpp"
#include "talk/tcp_host.hpp"
#include "tcp_arguments.hpp"
#include "term/print.hpp"
#include "term/units.hpp"

namespace {

using namespace spate;
using namespace spate::talk;

constexpr int usage_error = 2;

constexpr const char* help =
    "A stream socket by hand.\n"
    "\n"
    "usage: spate tcp connect [OPTION...] HOST:PORT    standard streams to a server\n"
    "       spate tcp listen [OPTION...] :PORT         a server, for many clients\n"
    "\n"
    "spate tcp connect --help and spate tcp listen --help say more.\n";

Task<Ending> connect_and_talk(Loop& loop, const TcpConnectArguments& arguments, Dump& dump) {
    const Address* source = arguments.source ? &*arguments.source : nullptr;
    auto socket =
        co_await connect_any(loop, arguments.addresses, arguments.connect_timeout, source);
    if (!socket) {
        const std::string& target = arguments.target;
        co_return Ending{1, fmt::format("{}: {}", target, socket.error().message())};
    }
    auto peer = Address::of_peer(socket->get());
    const std::string name = peer ? peer->text() : arguments.target;
    if (arguments.verbose) spate::term::print(stderr, "connected to {}\n", name);
    TcpStream stream(loop, std::move(*socket));
    Input input(loop);
    Output output(loop);
    Conversation conversation(stream, name, input, output, dump, arguments.conversation);
    Ending ending = co_await conversation.run();
    if (source != nullptr && source->is_unix()) ::unlink(source->text().c_str() + 5);
    if (arguments.verbose) {
        const Activity& activity = conversation.activity();
        spate::term::print(stderr, "{} bytes sent, {} received\n", activity.sent(),
                           activity.received());
    }
    co_return ending;
}

int run_connect(int argc, char** argv) {
    auto arguments = parse_tcp_connect(argc, argv);
    if (!arguments) return arguments.error();
    auto dump = Dump::open(arguments->conversation.text.dump);
    if (!dump) return complain("tcp connect", dump.error());
    return run_on_loop("tcp connect",
                       [&](Loop& loop) { return connect_and_talk(loop, *arguments, *dump); });
}

Task<Ending> listen_and_talk(Loop& loop, const TcpListenArguments& arguments, Fd socket,
                             Signals& signals, Dump& dump) {
    const bool ahead = arguments.host.most_connections == 0;
    TcpListener listener(loop, std::move(socket), ahead);
    Input input(loop);
    Output output(loop);
    TcpHost host(listener, input, output, dump, arguments.host);
    const auto kill_programs = [&host] { host.kill_programs(); };
    auto running = until_signal(loop, signals, host.run(), [](int) {}, kill_programs);
    Ending ending = co_await running;
    co_return ending;
}

int run_listen(int argc, char** argv) {
    auto arguments = parse_tcp_listen(argc, argv);
    if (!arguments) return arguments.error();
    auto dump = Dump::open(arguments->host.conversation.text.dump);
    if (!dump) return complain("tcp listen", dump.error());
    auto signals = Signals::open({SIGINT, SIGTERM});
    if (!signals) return complain("tcp listen", signals.error().message());
    auto socket = listen_on(arguments->address);
    // No IPv6 here: IPv4 alone does.
    if (!socket && socket.error().code == EAFNOSUPPORT && arguments->address.is_wildcard())
        socket = listen_on(Address::any(AF_INET, arguments->address.port()));
    if (!socket)
        return complain("tcp listen", arguments->address.text() + ": " + socket.error().message());
    auto local = Address::of_local(socket->get());
    const std::string name = local ? local->text() : arguments->address.text();
    const int code = run_on_loop("tcp listen", [&](Loop& loop) {
        if (!arguments->host.quiet) spate::term::print(stderr, "listening on {}\n", name);
        return listen_and_talk(loop, *arguments, std::move(*socket), *signals, *dump);
    });
    if (name.starts_with("unix:/")) ::unlink(name.c_str() + 5);
    return code;
}

}  // namespace

int spate_tcp(int argc, char** argv) {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "connect") return run_connect(argc - 1, argv + 1);
    if (command == "listen") return run_listen(argc - 1, argv + 1);
    const bool asked = command == "--help" || command == "-h" || command == "help";
    spate::term::write(asked ? stdout : stderr, help);
    return asked ? 0 : usage_error;
}
