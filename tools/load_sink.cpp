// spate load --sink: the far end of one-way loads.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <expected>
#include <string>
#include <string_view>

#include <spate/engine.hpp>

#include "command_line.hpp"
#include "load/sink.hpp"
#include "load_commands.hpp"
#include "term/escape.hpp"
#include "term/units.hpp"

namespace {

using namespace spate;
using namespace spate::load;

constexpr std::string_view tcp = "tcp://";
constexpr std::string_view udp = "udp://";

// Numeric or a name; no host is every address.
std::expected<Address, std::string> find_address(std::string_view where) {
    if (auto parsed = Address::parse(where); parsed && !parsed->is_unix()) return *parsed;
    const std::size_t colon = where.rfind(':');
    std::uint16_t port = 0;
    const std::string_view digits = where.substr(colon == std::string_view::npos ? 0 : colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (colon == std::string_view::npos || error != std::errc{} ||
        end != digits.data() + digits.size())
        return std::unexpected("write tcp://HOST:PORT or udp://HOST:PORT");
    const auto found = resolve(std::string(where.substr(0, colon)), port);
    if (!found) return std::unexpected("unknown host");
    return found->front();
}

}  // namespace

int load_sink(int argc, char** argv) {
    std::string url;
    SinkOptions options;
    CLI::App app(
        "The far end of spate load --stream: throws away what comes and counts it, sends what is\n"
        "asked for. Serves run after run until it is interrupted.",
        "spate load --sink");
    app.add_option("--sink", url, "where: udp://:9000, tcp://127.0.0.1:0 (0: any port)")
        ->required()
        ->type_name("URL");
    app.add_option("-t,--threads", options.threads, "threads, each with a socket of its own (1)")
        ->check(CLI::Range(1, 1024).description(""))
        ->type_name("N");
    app.add_flag("--once", options.once, "end after one run");
    add_parsed(app, "--receive-buffer", "BYTES", "of each datagram socket (64M)",
               options.receive_buffer_bytes, [](const std::string& text) {
                   auto size = term::parse_size(text);
                   if (size && *size > (1U << 30)) size = std::unexpected("at most 1G");
                   return size;
               });
    app.add_flag("-q,--quiet", options.quiet, "say nothing but what goes wrong");
    app.get_formatter()->column_width(34);
    if (const auto exit = parse_command_line(app, argc, argv)) return *exit == 0 ? 0 : exit_usage;
    const std::string_view text = url;
    if (!text.starts_with(tcp) && !text.starts_with(udp))
        return complain("--sink: write tcp://HOST:PORT or udp://HOST:PORT", exit_usage);
    options.kind = text.starts_with(tcp) ? Kind::tcp_stream : Kind::udp_stream;
    const auto address = find_address(text.substr(tcp.size()));
    if (!address)
        return complain(fmt::format("'{}': {}", term::printable(text), address.error()),
                        exit_usage);
    options.address = *address;
    auto signals = take_signals();
    if (!signals) return signals.error();
    return run_sink(options, **signals);
}
