#include "udp_arguments.hpp"

#include <fmt/format.h>
#include <net/if.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "command_line.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "term/units.hpp"

namespace {

using namespace spate;
using namespace spate::talk;

constexpr int network_error = 1;
constexpr std::size_t default_piece = 1400;
constexpr std::size_t most_payload = 65'507;  // over IPv4
constexpr std::uint16_t tutorial_port = 7890;

constexpr const char* exit_codes =
    "\n"
    "Exit codes: 0 fine, 1 the network or a file failed, 2 wrong usage, 69 no io_uring.\n"
    "Times: 500ms, 3, 2m.";

constexpr const char* send_examples =
    "Examples:\n"
    "  spate udp send localhost:8080 hello            one datagram\n"
    "  spate udp send --wait-reply 2s host:7 ping     and its answer, or exit 1\n"
    "  tail -f log | spate udp send host:514          a datagram for each line\n"
    "  spate udp send --hex host:9 '01 02 ff'         bytes\n"
    "  spate udp send --count 10 --interval 1s 239.1.2.3:7890 tick\n"
    "  spate udp send --file disk.img host:9          a file, in datagrams of --size\n";

constexpr const char* listen_examples =
    "Examples:\n"
    "  spate udp listen :8080                         who, when and what, from anybody\n"
    "  spate udp listen :8080 --reply 'thank you !' --encoding gbk\n"
    "  spate udp listen :7 --echo --quiet\n"
    "  spate udp listen :9 --raw > bytes              payloads alone, glued together\n"
    "  spate udp listen 239.1.2.3:7890 --count 1      a group, until the first message\n";

constexpr const char* chat_examples =
    "Examples:\n"
    "  spate udp chat                                 wait for messages on port 7890\n"
    "  spate udp chat 10.0.0.7:7890                   talk to somebody\n"
    "  spate udp chat 239.1.2.3:7890 --nick ann       talk to a group\n"
    "  spate udp chat --bind :7891 localhost:7890     two on one machine\n"
    "\n"
    "In the chat, /help lists what there is besides talking. On the wire is the text alone, "
    "behind\n"
    "\"NAME: \" with --nick. Piped, it exits with 1 if something was not sent or nobody was "
    "there.\n";

void add_socket_options(CLI::App& app, UdpSocketArguments& socket) {
    app.get_formatter()->column_width(32);
    app.add_option_function<std::string>(
           "-I,--interface",
           [&socket](const std::string& name) {
               socket.interface = ::if_nametoindex(name.c_str());
               if (socket.interface == 0)
                   throw CLI::ValidationError(
                       "--interface", "there is no '" + spate::term::printable(name) + "' here");
           },
           "where groups are sent to, and joined")
        ->type_name("NAME");
    app.add_option("--ttl", socket.ttl, "hops that datagrams go, 1 to 255")
        ->check(CLI::Range(1, 255))
        ->type_name("N");
}

std::unexpected<int> usage(const CLI::App& app, std::string_view complaint) {
    return std::unexpected(complain_of_usage(app.get_name(), complaint));
}

// The addresses of a target; a wrong form is wrong usage, an unknown host a failure.
std::expected<std::vector<Address>, int> find(const CLI::App& app, const std::string& text, Use use,
                                              int family) {
    if (auto name = parse_endpoint(text); !name) return usage(app, name.error());
    auto found = find_addresses(text, use, family);
    if (found) return *found;
    spate::term::print(stderr, "{}: {}\n", app.get_name(), found.error());
    return std::unexpected(network_error);
}

// Where to send from: what was asked for, or anything of the peer's family.
std::expected<Address, std::string> local_for(const Address& peer, const TalkArguments& talk) {
    auto source = read_source(talk);
    if (!source) return std::unexpected(source.error());
    if (*source) return **source;
    return Address::any(peer.family());
}

std::uint64_t read_size(const std::string& text) {
    auto size = spate::term::parse_size(text);
    if (!size) throw CLI::ValidationError("--size", size.error());
    if (*size == 0 || *size > most_payload)
        throw CLI::ValidationError("--size", "a datagram holds 1 to 65507 bytes");
    return *size;
}

struct Payload {
    std::vector<std::string> words;
    std::string file;
    std::uint64_t size = default_piece;
};

std::expected<void, std::string> choose_payload(const Payload& payload, PostOptions& post) {
    if (!payload.file.empty()) {
        if (!payload.words.empty()) return std::unexpected("TEXT or --file, not both");
        post.file = payload.file;
        post.piece = payload.size;
        return {};
    }
    if (payload.words.empty()) {
        if (post.count != 1) return std::unexpected("--count is for TEXT or --file");
        return {};
    }
    std::string text;
    for (const std::string& word : payload.words)
        text += (text.empty() ? "" : " ") + word;
    auto wire = TextToWire::open(post.text);
    auto bytes = payload_of(text, *wire, post.text);
    if (!bytes) return std::unexpected(bytes.error());
    post.payload = std::move(*bytes);
    return {};
}

// The time may be left out, which no option parser can tell from a target that follows.
std::vector<char*> with_wait_time(int argc, char** argv) {
    static char default_time[] = "3s";
    std::vector<char*> words;
    for (int i = 0; i < argc; ++i) {
        words.push_back(argv[i]);
        const std::string_view word = argv[i];
        if (word == "--") {  // What follows are no options.
            words.insert(words.end(), argv + i + 1, argv + argc);
            break;
        }
        if (word != "--wait-reply" && word != "-W") continue;
        if (i + 1 == argc || !spate::term::parse_duration(argv[i + 1]))
            words.push_back(default_time);
    }
    return words;
}

}  // namespace

std::expected<UdpSendArguments, int> parse_udp_send(int argc, char** argv) {
    UdpSendArguments arguments;
    PostOptions& post = arguments.post;
    TalkArguments talk;
    Payload payload;
    CLI::App app("Sends datagrams: TEXT, or each line of standard input.", "spate udp send");
    app.footer(std::string(send_examples) + exit_codes + " Sizes: 1400, 8k.");
    app.add_option("TARGET", post.name, "HOST:PORT, a group, unix:PATH")
        ->required()
        ->type_name(" ");
    app.add_option("TEXT", payload.words, "what to say, else each line of input; with --hex, bytes")
        ->type_name(" ");
    auto* file = app.add_option("-f,--file", payload.file, "send a file")->type_name("FILE");
    app.add_option_function<std::string>(
           "--size", [&payload](const std::string& text) { payload.size = read_size(text); },
           "bytes a datagram of --file (1400)")
        ->type_name("SIZE")
        ->needs(file);
    app.add_option("-n,--count", post.count, "how often (1); 0 is without end")->type_name("N");
    add_time_option(app, "-i,--interval", post.interval, "between datagrams");
    add_time_option(app, "-W,--wait-reply", post.wait_reply,
                    "print the first answer; exit 1 without one by then (3s)");
    add_socket_options(app, arguments.socket);
    add_talk_options(app, talk);
    add_source_option(app, talk);
    auto words = with_wait_time(argc, argv);
    if (auto code = parse_command_line(app, static_cast<int>(words.size()), words.data()))
        return std::unexpected(*code);
    post.text = talk.text;
    post.quiet = talk.quiet;
    if (auto chosen = choose_payload(payload, post); !chosen) return usage(app, chosen.error());
    auto found = find(app, post.name, Use::connect, talk.family);
    if (!found) return std::unexpected(found.error());
    arguments.peer = found->front();
    arguments.peer.set_zone(arguments.socket.interface);
    auto local = local_for(arguments.peer, talk);
    if (!local) return usage(app, local.error());
    arguments.socket.local = *local;
    return arguments;
}

std::expected<UdpListenArguments, int> parse_udp_listen(int argc, char** argv) {
    UdpListenArguments arguments;
    TalkArguments talk;
    std::string target = ":0";
    std::string reply;
    CLI::App app("Shows datagrams from anybody: who, when, what.", "spate udp listen");
    app.footer(std::string(listen_examples) + exit_codes);
    app.add_option("ADDRESS", target, ":PORT, HOST:PORT, a group, unix:PATH; any port without it")
        ->type_name(" ");
    app.add_option("--reply", reply, "answer each with this")->type_name("TEXT");
    app.add_flag("--echo", arguments.host.echo, "send each back");
    app.add_flag("--raw", arguments.host.raw, "payloads alone, as they are");
    app.add_option("-n,--count", arguments.host.count, "end after so many")->type_name("N");
    add_socket_options(app, arguments.socket);
    add_talk_options(app, talk);
    if (auto code = parse_command_line(app, argc, argv)) return std::unexpected(*code);
    arguments.quiet = talk.quiet;
    arguments.host.text = talk.text;
    if (arguments.host.echo && !reply.empty()) return usage(app, "--reply or --echo, not both");
    if (!reply.empty()) {
        auto wire = TextToWire::open(talk.text);
        auto bytes = wire->text(reply);
        if (!bytes) return usage(app, "--reply: " + bytes.error());
        if (bytes->size() > most_payload)
            return usage(app, fmt::format("--reply: {} bytes are more than a datagram holds ({})",
                                          bytes->size(), most_payload));
        arguments.host.reply = std::move(*bytes);
    }
    auto found = find(app, target, Use::listen, talk.family);
    if (!found) return std::unexpected(found.error());
    UdpSocketArguments& socket = arguments.socket;
    socket.local = found->front();
    socket.local.set_zone(socket.interface);
    if (is_group(socket.local)) {
        // Bound to the group, it hears what was sent there and nothing else.
        socket.group = socket.local;
        socket.options.reuse_address = true;
    }
    return arguments;
}

std::expected<UdpChatArguments, int> parse_udp_chat(int argc, char** argv) {
    UdpChatArguments arguments;
    TalkArguments talk;
    std::string target;
    std::string bound;
    CLI::App app("Talks to whoever writes to a port, and to whom one likes.", "spate udp chat");
    app.footer(std::string(chat_examples) + exit_codes);
    app.add_option("TARGET", target, "who to talk to at first: HOST:PORT or a group")
        ->type_name(" ");
    app.add_option("-b,--bind", bound, "where to be found (:7890)")->type_name("ADDR");
    app.add_option("--nick", arguments.chat.nick, "put before what is said")->type_name("NAME");
    add_socket_options(app, arguments.socket);
    add_talk_options(app, talk);
    if (auto code = parse_command_line(app, argc, argv)) return std::unexpected(*code);
    arguments.quiet = talk.quiet;
    arguments.chat.text = talk.text;
    arguments.chat.family = talk.family;
    arguments.chat.interface = arguments.socket.interface;
    UdpSocketArguments& socket = arguments.socket;
    if (!target.empty()) {
        auto found = find(app, target, Use::connect, talk.family);
        if (!found) return std::unexpected(found.error());
        found->front().set_zone(socket.interface);
        arguments.chat.peer = found->front();
        if (is_group(found->front())) {
            socket.options.reuse_address = true;
            socket.group = found->front();
        }
    }
    // An IPv6 socket talks to both; a system without IPv6 has the other.
    if (bound.empty())
        bound = fmt::format(":{}", arguments.chat.peer && is_group(*arguments.chat.peer)
                                       ? arguments.chat.peer->port()
                                       : tutorial_port);
    auto local = find(app, bound, Use::listen, talk.family);
    if (!local) return std::unexpected(local.error());
    socket.local = local->front();
    return arguments;
}
