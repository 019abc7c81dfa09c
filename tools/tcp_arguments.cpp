#include "tcp_arguments.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "command_line.hpp"
#include "term/print.hpp"

namespace {

using namespace spate;
using namespace spate::talk;

constexpr int network_error = 1;

constexpr const char* ends_of_clients =
    "One of many clients ends alone, and is told of with the reason. A signal ends the listener,\n"
    "with 0; an output that fails ends it with 1. With --once the client's end is its own:\n"
    "\n";

constexpr const char* ends_of_streams =
    "How it ends:\n"
    "  standard input ends      the peer is told (shutdown for writing); its answer is awaited\n"
    "  the peer ends            what came is written out, what input is ready is sent (all of a\n"
    "                           file, a pipe until it is quiet for 0.5 s); exit 0\n"
    "  the peer resets          a message; exit 1\n"
    "  nothing moves for long   with --idle-timeout: a message; exit 1\n"
    "  standard output fails    a message; exit 1\n"
    "  a line has no place      (--encoding) a message, the others are sent; exit 1\n"
    "\n"
    "Exit codes: 0 fine, 1 the network or a file failed, 2 wrong usage, 69 no io_uring.\n"
    "Times: 500ms, 3, 2m.";

constexpr const char* connect_examples =
    "Examples:\n"
    "  spate tcp connect example.net:7                     type, and read what comes\n"
    "  printf 'GET / HTTP/1.0\\n\\n' | spate tcp connect --crlf localhost:80\n"
    "  spate tcp connect host:9000 < disk.img              a file, without a copy\n"
    "  spate tcp connect --encoding gbk 127.0.0.1:7788     speak UTF-8 to a server that has GBK\n"
    "  spate tcp connect --hex --ts delta unix:/run/a.sock see bytes and times\n"
    "\n";

constexpr const char* listen_examples =
    "Examples:\n"
    "  spate tcp listen :7000                              show what clients say\n"
    "  spate tcp listen --once :9000 > disk.img            take a file\n"
    "  spate tcp listen :7788 --reply 'thank you !' --encoding gbk\n"
    "  spate tcp listen :7000 --broadcast                  a chat room, for nc and telnet as well\n"
    "  spate tcp listen 127.0.0.1:7000 --exec 'tr a-z A-Z'\n"
    "  spate tcp listen :7 --echo --max-conns 100\n"
    "\n"
    "Standard input goes to all clients; it is not read while there is none, and its end changes\n"
    "nothing. One of several that takes none of it for 10 s is cut off. With --once there is one\n"
    "client, and it is as with spate tcp connect; only that an empty input is not told to the\n"
    "client.\n"
    "\n";

// Text for the wire from an option.
std::expected<std::string, std::string> encode(const std::string& text,
                                               const TextOptions& options) {
    auto wire = TextToWire::open(options);
    if (!wire) return std::unexpected(wire.error());
    return wire->text(text);
}

// What a mode has no part for is not taken in silence.
std::expected<void, std::string> check_text(const HostOptions& host) {
    if (host.mode == HostMode::show || host.mode == HostMode::reply) return {};
    const TextOptions& text = host.conversation.text;
    const bool exec = host.mode == HostMode::exec;
    if (exec && (!text.dump.empty() || host.conversation.idle_timeout > Duration{0}))
        return std::unexpected("with --exec the program has the socket: no --dump, --idle-timeout");
    if (!text.encoding.empty() || text.hex || text.stamps != StampMode::none ||
        text.line_end != LineEnd::feed || host.conversation.raw)
        return std::unexpected(
            "--echo, --broadcast and --exec pass bytes as they are: no "
            "--encoding, --hex, --ts, --crlf, --null, --raw");
    return {};
}

void set_up(CLI::App& app, TalkArguments& talk, ConversationOptions& conversation) {
    app.get_formatter()->column_width(32);
    add_time_option(app, "-i,--idle-timeout", conversation.idle_timeout,
                    "end when nothing has moved for this long");
    app.add_flag("--raw", conversation.raw, "bytes as they are, to a terminal as well");
    add_talk_options(app, talk);
}

std::expected<std::string, std::string> choose_mode(const std::string& reply,
                                                    const std::string& command, bool echo,
                                                    bool broadcast, HostOptions& host) {
    const int chosen =
        (reply.empty() ? 0 : 1) + (command.empty() ? 0 : 1) + (echo ? 1 : 0) + (broadcast ? 1 : 0);
    if (chosen > 1) return std::unexpected("one of --reply, --echo, --broadcast and --exec");
    if (broadcast && host.once) return std::unexpected("--broadcast needs more than --once");
    if (!reply.empty()) host.mode = HostMode::reply;
    if (!command.empty()) host.mode = HostMode::exec;
    if (echo) host.mode = HostMode::echo;
    if (broadcast) host.mode = HostMode::broadcast;
    host.command = command;
    if (auto fits = check_text(host); !fits) return std::unexpected(fits.error());
    host.conversation.keep_open_without_input = true;
    return encode(reply, host.conversation.text);
}

}  // namespace

std::expected<TcpConnectArguments, int> parse_tcp_connect(int argc, char** argv) {
    TcpConnectArguments arguments;
    TalkArguments talk;
    CLI::App app("Connects: standard input to the peer, the peer to standard output.",
                 "spate tcp connect");
    app.footer(std::string(connect_examples) + ends_of_streams);
    app.add_option("TARGET", arguments.target, "HOST:PORT, unix:PATH or unix:@NAME")
        ->required()
        ->type_name(" ");
    add_time_option(app, "-w,--connect-timeout", arguments.connect_timeout,
                    "for a connection to stand (10)");
    set_up(app, talk, arguments.conversation);
    add_source_option(app, talk);
    app.add_flag("-v,--verbose", arguments.verbose, "say when connected, and what moved");
    if (auto code = parse_command_line(app, argc, argv)) return std::unexpected(*code);
    arguments.conversation.text = talk.text;
    if (auto name = parse_endpoint(arguments.target); !name)
        return std::unexpected(complain_of_usage(app.get_name(), name.error()));
    auto source = read_source(talk);
    if (!source) return std::unexpected(complain_of_usage(app.get_name(), source.error()));
    arguments.source = *source;
    auto found = find_addresses(arguments.target, Use::connect, talk.family);
    if (!found) {
        spate::term::print(stderr, "{}: {}\n", app.get_name(), found.error());
        return std::unexpected(network_error);
    }
    arguments.addresses = std::move(*found);
    return arguments;
}

std::expected<TcpListenArguments, int> parse_tcp_listen(int argc, char** argv) {
    TcpListenArguments arguments;
    HostOptions& host = arguments.host;
    TalkArguments talk;
    std::string target;
    std::string reply;
    std::string command;
    bool echo = false;
    bool broadcast = false;
    CLI::App app("Listens, for many clients at once.", "spate tcp listen");
    app.footer(std::string(listen_examples) + ends_of_clients + ends_of_streams);
    app.add_option("ADDRESS", target, ":PORT, HOST:PORT, unix:PATH or unix:@NAME; port 0 is any")
        ->required()
        ->type_name(" ");
    app.add_flag("-1,--once", host.once, "end with the first client");
    app.add_option("--reply", reply, "answer what a client says first with this, and hang up")
        ->type_name("TEXT");
    app.add_flag("--echo", echo, "send back what comes");
    app.add_flag("--broadcast", broadcast, "a room: each line goes to all others");
    app.add_option("-e,--exec", command, "a program for each client, on loopback (sh -c)")
        ->type_name("CMD");
    app.add_flag("--exec-anywhere", host.exec_anywhere, "... and for clients elsewhere");
    app.add_option("-m,--max-conns", host.most_connections, "clients at a time; more wait")
        ->type_name("N");
    set_up(app, talk, host.conversation);
    if (auto code = parse_command_line(app, argc, argv)) return std::unexpected(*code);
    host.quiet = talk.quiet;
    host.conversation.text = talk.text;
    auto wire_reply = choose_mode(reply, command, echo, broadcast, host);
    if (!wire_reply) return std::unexpected(complain_of_usage(app.get_name(), wire_reply.error()));
    host.reply = std::move(*wire_reply);
    if (auto name = parse_endpoint(target); !name)
        return std::unexpected(complain_of_usage(app.get_name(), name.error()));
    auto found = find_addresses(target, Use::listen, talk.family);
    if (!found) {
        spate::term::print(stderr, "{}: {}\n", app.get_name(), found.error());
        return std::unexpected(network_error);
    }
    arguments.address = found->front();
    return arguments;
}
