#include "get_arguments.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "command_line.hpp"
#include "http/digest.hpp"
#include "http/url.hpp"
#include "term/escape.hpp"
#include "term/units.hpp"

namespace {

using spate::fetch::Options;

constexpr const char* summary =
    "Fetches files over http:// and name://.\n"
    "A file comes as NAME.part and gets its name when it is whole; if it does not come whole, the\n"
    "same command goes on where it broke off.";

constexpr const char* footer =
    "Examples:\n"
    "  spate get http://host/disk.iso                  here, as disk.iso\n"
    "  spate get -x 4 -P /tmp http://host/disk.iso     over four connections, into /tmp\n"
    "  spate get -o - http://host/a.tar | tar x        to standard output\n"
    "  spate get --sha256 9f86d0... http://host/tool   verified before it has its name\n"
    "  spate get -r http://host/music/                 a folder of spate serve\n"
    "  spate get name://host:7890/song.mp3             by the name protocol\n"
    "\n"
    "Exit codes:\n"
    "  0 all is here  2 usage  3 unknown host  4 no connection  5 refused by the server\n"
    "  6 an answer without sense  7 a file or disk here  8 wrong checksum  9 too large\n"
    "  10 broken off too often  11 out of time  69 no io_uring  130 interrupted\n"
    "  141 standard output was closed. Of several failures, that of the first URL.\n"
    "\n"
    "Sizes: 64k, 1.5M, 2G (powers of 1024). Times: 500ms, 30, 2m.";

// What the command line says, before it is looked at as a whole.
struct Raw {
    std::vector<std::string> urls;
    std::vector<std::string> outputs;
    std::string directory;
    std::vector<std::string> fields;
    std::string sha256;
    bool recursive = false;
    bool ipv4 = false;
    bool ipv6 = false;
    bool ignored = false;
};

void add_choice_of_file(CLI::App& app, Raw& raw, GetArguments& arguments) {
    Options& options = arguments.options;
    app.add_option("URL", raw.urls, "what to fetch")->required()->type_name(" ");
    add_repeatable(app, "-o,--output", "FILE", "save as FILE; - is standard output", raw.outputs);
    app.add_option("-P,--directory-prefix", raw.directory, "save into FOLDER, made if missing")
        ->type_name("FOLDER");
    app.add_flag("-r,--recursive", raw.recursive, "all that is in a folder of spate serve");
    app.add_flag("-c,--continue", options.trust_part,
                 "go on with a part even if nothing proves it the same");
    app.add_flag("--no-clobber", options.keep_existing, "leave files that are here alone (-nc)");
    app.add_flag("--content-disposition", options.accept_proposed_name,
                 "take the name that the server proposes");
    app.add_flag("-R,--remote-time", options.keep_time,
                 "keep the server's time (always so with -r)");
    app.add_flag("--fsync", options.durable, "have files on the disk at the end, not in memory");
    app.add_option("--sha256", raw.sha256, "refuse a file with another SHA-256")->type_name("HEX");
    app.add_option_function<std::string>(
           "--checksum",
           [&raw](const std::string& text) {
               if (!text.starts_with("sha-256=")) {
                   throw CLI::ValidationError("--checksum", "only sha-256=HEX is known");
               }
               raw.sha256 = text.substr(8);
           },
           "the same, as aria2 writes it")
        ->type_name("sha-256=HEX");
    add_parsed(app, "--max-filesize", "SIZE", "refuse larger files", options.most_bytes,
               spate::term::parse_size);
}

void add_speed(CLI::App& app, GetArguments& arguments) {
    Options& options = arguments.options;
    app.add_option("-x,--connections", options.connections, "connections for each file (1)")
        ->check(CLI::Range(1, 256).description(""))
        ->type_name("N");
    app.add_option("-j,--parallel", arguments.parallel, "files at a time (5)")
        ->check(CLI::Range(1, 1000).description(""))
        ->type_name("N");
    add_parsed(app, "-k,--min-split-size", "SIZE", "no connection for less (1M)", options.min_split,
               [](std::string_view text) -> spate::term::Parsed<std::uint64_t> {
                   const auto size = spate::term::parse_size(text);
                   if (size && *size == 0) return std::unexpected("0 is too small");
                   return size;
               });
    add_parsed(app, "--limit-rate", "RATE", "bytes a second, for all files together", options.rate,
               spate::term::parse_rate);
}

void add_patience(CLI::App& app, GetArguments& arguments) {
    Options& options = arguments.options;
    app.add_option("--retry", options.retry.attempts, "further attempts without a new byte (5)")
        ->type_name("N");
    app.add_option_function<std::string>(
           "--retry-delay",
           [&options](const std::string& text) {
               const auto delay = spate::term::parse_duration(text);
               if (!delay) throw CLI::ValidationError("--retry-delay", delay.error());
               options.retry.first_delay = *delay;
               options.retry.constant_delay = true;
           },
           "between attempts (1, doubled each time)")
        ->type_name("TIME");
    app.add_flag("--retry-connrefused", options.network.retry_refused,
                 "wait for a server that is not up yet");
    add_parsed(app, "--connect-timeout", "TIME", "for a connection to stand (10)",
               options.network.connect_patience, spate::term::parse_duration);
    add_parsed(app, "--speed-limit", "RATE", "try again below this speed (1 byte a second)",
               options.network.stall_rate, spate::term::parse_rate);
    add_parsed(app, "--speed-time", "TIME", "for this long (30); 0 is for ever",
               options.network.stall_patience, spate::term::parse_duration);
    add_parsed(app, "-m,--max-time", "TIME", "give a file up after this", options.most_time,
               spate::term::parse_duration);
}

void add_network(CLI::App& app, Raw& raw, GetArguments& arguments) {
    Options& options = arguments.options;
    add_repeatable(app, "-H,--header", "FIELD", "send this, too; 'Name:' leaves ours out",
                   raw.fields);
    app.add_option("-A,-U,--user-agent", options.request.user_agent,
                   "what to call ourselves (spate/0.1)")
        ->type_name("NAME");
    app.add_option("--max-redirs", options.network.most_redirects, "redirects to follow (20)")
        ->type_name("N");
    app.add_option("--unix-socket", options.network.unix_socket, "connect here, not to the host")
        ->type_name("PATH");
    app.add_flag("-4,--ipv4", raw.ipv4, "only IPv4 addresses");
    app.add_flag("-6,--ipv6", raw.ipv6, "only IPv6 addresses");
    app.add_flag("-q,-s,--quiet,--silent", arguments.quiet, "say only what fails");
    app.add_flag("-O,-L,--remote-name,--location", raw.ignored, "always so; for curl's users");
}

using Complaint = std::string;

std::expected<void, Complaint> read_request_options(const Raw& raw, Options& options) {
    for (const std::string& text : raw.fields) {
        auto field = spate::fetch::parse_field(text);
        if (!field) return std::unexpected("-H " + field.error());
        options.request.fields.push_back(std::move(*field));
    }
    if (auto agent = spate::fetch::parse_field("User-Agent: " + options.request.user_agent);
        !agent) {
        return std::unexpected("-A " + agent.error());
    }
    if (raw.ipv4 && raw.ipv6) return std::unexpected("-4 or -6, not both");
    if (raw.ipv4) options.network.family = AF_INET;
    if (raw.ipv6) options.network.family = AF_INET6;
    if (options.trust_part && options.keep_existing) {
        return std::unexpected("-c goes on with a file, --no-clobber leaves it alone: not both");
    }
    return {};
}

std::expected<void, Complaint> read_jobs(const Raw& raw, GetArguments& arguments) {
    std::string sha256;
    if (!raw.sha256.empty()) {
        const auto digits = spate::http::parse_sha256(raw.sha256);
        if (!digits) return std::unexpected("--sha256 needs 64 hexadecimal digits");
        if (raw.urls.size() != 1 || raw.recursive) {
            return std::unexpected("--sha256 is for a single file");
        }
        sha256 = *digits;
    }
    if (!raw.outputs.empty() && (raw.outputs.size() != raw.urls.size() || raw.recursive)) {
        return std::unexpected(raw.recursive ? "-o is not for folders; -P is"
                                             : "as many -o as URLs, or none");
    }
    std::set<std::string> paths;
    for (std::size_t i = 0; i < raw.urls.size(); ++i) {
        // A bare host or path means HTTP, as it does to curl.
        const std::string& text = raw.urls[i];
        auto url =
            spate::http::parse_url(text.find("://") == std::string::npos ? "http://" + text : text);
        if (!url) return std::unexpected(url.error().text);
        if (url->scheme == "https" || (raw.recursive && url->scheme != "http")) {
            return std::unexpected(fmt::format(
                "'{}': {}", spate::term::printable(text),
                raw.recursive ? "-r is for http:// alone" : "https:// is not spoken here"));
        }
        if (raw.recursive) {
            arguments.folders.push_back(spate::fetch::folder_of(*url, raw.directory));
            continue;
        }
        spate::fetch::Job job;
        job.destination = spate::fetch::destination_of(
            *url, raw.outputs.empty() ? std::string_view() : raw.outputs[i], raw.directory);
        job.url = std::move(*url);
        job.sha256 = sha256;
        const std::string path = job.destination.path();
        if (!job.destination.standard_output && !paths.insert(path).second) {
            return std::unexpected(fmt::format("two URLs would be saved as '{}': name them by -o",
                                               spate::term::printable(path)));
        }
        arguments.jobs.push_back(std::move(job));
    }
    arguments.options.keep_time = arguments.options.keep_time || raw.recursive;
    return {};
}

}  // namespace

std::expected<GetArguments, int> parse_get_arguments(int argc, char** argv) {
    GetArguments arguments;
    Raw raw;
    CLI::App app(summary, "spate get");
    app.footer(footer);
    app.get_formatter()->column_width(34);
    add_choice_of_file(app, raw, arguments);
    add_speed(app, arguments);
    add_patience(app, arguments);
    add_network(app, raw, arguments);
    // wget's -nc would be read as -n -c.
    std::vector<std::string> words;
    for (int i = 1; i < argc; ++i) {
        words.emplace_back(std::string_view(argv[i]) == "-nc" ? "--no-clobber" : argv[i]);
    }
    if (auto code = parse_command_line(app, std::move(words))) return std::unexpected(*code);
    if (auto read = read_request_options(raw, arguments.options); !read) {
        return std::unexpected(complain_of_usage(app.get_name(), read.error()));
    }
    if (auto read = read_jobs(raw, arguments); !read) {
        return std::unexpected(complain_of_usage(app.get_name(), read.error()));
    }
    const bool shows_data = std::ranges::any_of(
        arguments.jobs, [](const auto& job) { return job.destination.standard_output; });
    if (shows_data && ::isatty(STDOUT_FILENO) != 0) arguments.quiet = true;
    return arguments;
}
