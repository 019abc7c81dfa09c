#include "serve_arguments.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spate/fd.hpp>

#include "command_line.hpp"
#include "serve/option_values.hpp"
#include "serve/server.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"
#include "term/units.hpp"

namespace {

using spate::Duration;
using namespace spate::serve;
using namespace std::chrono_literals;

constexpr const char* summary = "Puts a folder on the network, over HTTP, to read.";

constexpr const char* footer =
    "Examples:\n"
    "  spate serve                               this folder, on port 8080\n"
    "  spate serve -p 9000 ~/music               another folder and port\n"
    "  spate serve --local --access-log - .      for this machine alone, each request shown\n"
    "  spate serve -l unix:/run/spate.sock /srv  behind a proxy\n"
    "  spate serve --limit-rate 2M --max-conns-per-ip 4 /srv/mirror\n"
    "  spate serve --name-port 7788 .            also by the name protocol (spate get name://)\n"
    "\n"
    "Exit codes:\n"
    "  0 stopped by SIGINT or SIGTERM  1 an address, a log or the like can't be opened  2 usage\n"
    "  66 no such folder  69 no io_uring  130, 143 stopped by a second signal at once\n"
    "\n"
    "Sizes: 64k, 1.5M, 2G (powers of 1024). Times: 500ms, 30, 2m.";

// What the command line says, before it is looked at as a whole.
struct Raw {
    std::vector<std::string> listen;
    std::optional<std::uint64_t> port;
    std::vector<std::string> headers;
    bool no_index = false;
    bool no_listing = false;
};

auto count_within(std::uint64_t least, std::uint64_t most) {
    return [=](std::string_view text) { return parse_count(text, least, most); };
}

void add_sockets(CLI::App& app, Raw& raw, ServeOptions& options) {
    constexpr const char* group = "Where to listen";
    add_repeatable(app, "-l,--listen", "ADDR:PORT",
                   "or :PORT, PORT, [v6]:PORT, unix:PATH, off; again for more (:8080)", raw.listen)
        ->group(group);
    add_parsed(app, "-p,--port", "N", "the same as --listen :N; 0 picks one", raw.port,
               count_within(0, 65535))
        ->group(group);
    app.add_flag("--local", options.local, "for this machine alone")->group(group);
    add_parsed(app, "--name-port", "N", "speak the name protocol there, too", options.name_port,
               count_within(0, 65535))
        ->group(group);
    add_parsed(app, "--cores", "N", "processors to use; 0 is all", options.cores,
               count_within(0, 1024))
        ->default_str("0")
        ->group(group);
}

void add_content(CLI::App& app, Raw& raw, ServeOptions& options) {
    constexpr const char* group = "What to show";
    add_parsed(app, "--index", "NAME", "a folder's page, where it has one", options.index,
               &parse_file_name)
        ->default_str(options.index)
        ->group(group);
    app.add_flag("--no-index", raw.no_index, "list folders that have one, too")->group(group);
    app.add_flag("--no-listing", raw.no_listing, "list no folders")->group(group);
    app.add_flag("--dotfiles", options.dotfiles, "show names that begin with a dot")->group(group);
    add_repeatable(app, "--header", "'NAME: VALUE'", "add this field to answers; again for more",
                   raw.headers)
        ->group(group);
    app.add_flag("--cors", options.cors, "let any web page read what is served")->group(group);
}

void add_log(CLI::App& app, ServeOptions& options) {
    constexpr const char* group = "What to say";
    app.add_option("--access-log", options.access_log, "a line for each answer; - is stdout")
        ->type_name("FILE")
        ->capture_default_str()
        ->group(group);
    const std::map<std::string, LogFormat> formats{{"combined", LogFormat::combined},
                                                   {"json", LogFormat::json}};
    add_parsed(app, "--log-format", "FORMAT", "of the access log: combined or json",
               options.log_format,
               [formats](std::string_view text) -> Parsed<LogFormat> {
                   const auto found = formats.find(std::string(text));
                   if (found != formats.end()) return found->second;
                   return std::unexpected(fmt::format("'{}' is neither combined nor json",
                                                      spate::term::printable(text)));
               })
        ->default_str("combined")
        ->group(group);
    app.add_flag("-q,--quiet", options.quiet, "say only what fails")->group(group);
}

void add_time(CLI::App& app, const char* name, const char* help, Duration least, Duration& into) {
    const std::string standard =
        fmt::format("{}s", std::chrono::floor<std::chrono::seconds>(into).count());
    add_parsed(app, name, "TIME", help, into,
               [least](std::string_view text) { return parse_time(text, least); })
        ->default_str(standard)
        ->group("How long to wait");
}

void add_times(CLI::App& app, ServeOptions& options) {
    add_time(app, "--header-timeout", "for a whole request head", 1ms, options.header_timeout);
    add_time(app, "--idle-timeout", "for the next request", 1ms, options.idle_timeout);
    add_time(app, "--send-timeout", "for the peer to take any byte", 1ms, options.send_timeout);
    add_time(app, "--disk-timeout", "for a file system that is not local", 1ms,
             options.disk_timeout);
    add_time(app, "--grace", "for transfers under way when it stops", 0ms, options.grace);
}

void add_limits(CLI::App& app, ServeOptions& options) {
    constexpr const char* group = "How much to give (0: no limit)";
    constexpr std::uint64_t most = 1'000'000'000;
    add_parsed(app, "--max-conns", "N", "connections in all", options.max_connections,
               count_within(0, most))
        ->default_str("0")
        ->group(group);
    add_parsed(app, "--max-conns-per-ip", "N", "connections from one address",
               options.max_connections_per_ip, count_within(0, most))
        ->default_str("0")
        ->group(group);
    add_parsed(app, "--max-requests", "N", "requests on one connection", options.max_requests,
               count_within(0, most))
        ->default_str("0")
        ->group(group);
    add_parsed(app, "--limit-rate", "RATE", "bytes a second for each connection",
               options.limit_rate, &spate::term::parse_rate)
        ->default_str("0")
        ->group(group);
    add_parsed(app, "--limit-rate-total", "RATE", "bytes a second in all", options.limit_rate_total,
               &spate::term::parse_rate)
        ->default_str("0")
        ->group(group);
}

Parsed<std::size_t> parse_head_size(std::string_view text) {
    const auto size = spate::term::parse_size(text);
    if (!size) return std::unexpected(size.error());
    if (*size >= 512 && *size <= (1U << 20)) return *size;
    return std::unexpected(fmt::format("'{}' is not within 512 and 1M", text));
}

void add_engine(CLI::App& app, ServeOptions& options) {
    constexpr const char* group = "How to work";
    add_parsed(app, "--cache", "SIZE", "memory for small files, each core; 0 is none",
               options.cache_bytes, &spate::term::parse_size)
        ->default_str("64M")
        ->group(group);
    add_parsed(app, "--send-path", "WAY", "auto, memory, sendfile, read, zc or splice",
               options.send_way, &parse_send_path)
        ->default_str("auto")
        ->group(group);
    add_parsed(app, "--max-header-size", "SIZE", "of a request head", options.limits.head_bytes,
               &parse_head_size)
        ->default_str("16k")
        ->group(group);
    add_parsed(app, "--max-headers", "N", "fields in a request head", options.limits.fields,
               count_within(1, 10'000))
        ->default_str("100")
        ->group(group);
}

using Complaint = std::string;

std::expected<void, Complaint> read_listen(const Raw& raw, ServeOptions& options) {
    std::vector<std::string> wanted = raw.listen;
    if (raw.port) wanted.push_back(std::to_string(*raw.port));
    if (wanted == std::vector<std::string>{"off"}) {
        if (options.name_port < 0)
            return std::unexpected("--listen: 'off' leaves nothing to serve without --name-port");
        options.http = false;
        return {};
    }
    for (const std::string& text : wanted) {
        auto addresses = parse_listen(text, options.local);
        if (!addresses) return std::unexpected("--listen: " + addresses.error());
        options.listen.insert(options.listen.end(), addresses->begin(), addresses->end());
    }
    return {};
}

std::expected<void, Complaint> read_headers(const Raw& raw, ServeOptions& options) {
    for (const std::string& text : raw.headers) {
        auto header = parse_header(text);
        if (!header) return std::unexpected("--header: " + header.error());
        options.headers.push_back(std::move(*header));
    }
    return {};
}

/// False, and said so, unless the folder can be read.
bool is_readable(const std::string& folder) {
    const spate::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) return true;
    const std::string why = errno == ENOTDIR ? "not a folder" : std::strerror(errno);
    spate::term::print(stderr, "spate serve: '{}': {}\n", spate::term::printable(folder), why);
    return false;
}

}  // namespace

std::expected<ServeOptions, int> parse_serve_arguments(int argc, char** argv) {
    ServeOptions options;
    Raw raw;
    CLI::App app(summary, "spate serve");
    app.footer(footer);
    app.get_formatter()->column_width(32);
    app.add_option("DIR", options.folder, "the folder")->type_name("")->default_str(".");
    add_sockets(app, raw, options);
    add_content(app, raw, options);
    add_log(app, options);
    add_times(app, options);
    add_limits(app, options);
    add_engine(app, options);
    if (auto code = parse_command_line(app, argc, argv)) return std::unexpected(*code);
    if (raw.no_index) options.index.clear();
    options.listing = !raw.no_listing;
    options.limits.target_bytes = std::min(options.limits.target_bytes, options.limits.head_bytes);
    for (auto* read : {&read_listen, &read_headers})
        if (auto done = read(raw, options); !done)
            return std::unexpected(complain_of_usage(app.get_name(), done.error()));
    if (!is_readable(options.folder)) return std::unexpected(int{exit_no_folder});
    return options;
}
