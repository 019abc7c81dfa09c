// Picks a command.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "term/escape.hpp"
#include "term/print.hpp"

namespace {

constexpr int output_error = 1;
constexpr int usage_error = 2;
constexpr int cannot_run = 126;

struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(int argc, char** argv);
};

constexpr Command commands[] = {
    {"get", "fetch files: resumed, in parallel, verified", &spate_get},
    {"load", "put load on a server, and measure how it takes it", &spate_load},
    {"serve", "put a folder on the network, over HTTP", &spate_serve},
    {"tcp", "a stream socket by hand: connect, listen", &spate_tcp},
    {"udp", "a datagram socket by hand: send, listen, chat", &spate_udp},
};

std::string help() {
    std::string text =
        "spate moves files over networks, at the speed of the wire.\n"
        "\n"
        "usage: spate COMMAND [ARGUMENT...]\n"
        "\n";
    for (const Command& command : commands) {
        text += fmt::format("  {:8}{}\n", command.name, command.summary);
    }
    return text +
           "\n"
           "spate COMMAND --help says more about one of them, spate --version which spate this "
           "is.\n";
}

// Levenshtein's, for the command that was meant.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row[b.size()];
}

int complain(std::string_view name) {
    std::string text = fmt::format("spate: '{}' is no command", spate::term::printable(name));
    const Command& nearest = *std::ranges::min_element(
        commands, {}, [name](const Command& command) { return edit_distance(command.name, name); });
    if (edit_distance(nearest.name, name) <= 2 && name.size() > 1) {
        text += fmt::format("; did you mean '{}'?", nearest.name);
    }
    spate::term::print(stderr, "{}\nspate --help lists the commands.\n", text);
    return usage_error;
}

// A standard stream that is closed at the start (`<&-`) leaves its number to whatever is opened
// first: the ring, a socket. That would then be read as input, or written messages to. So something
// takes each such number that reads as empty, refuses output, and swallows messages. For output it
// is no /dev/null: `-o /dev/stdout` would open that anew, and lose what is written to it.
bool occupy_closed_streams() {
    struct {
        int fd;
        const char* path;
        int flags;
    } const stand_ins[] = {{STDIN_FILENO, "/dev/null", O_RDONLY},
                           {STDOUT_FILENO, "/", O_PATH},
                           {STDERR_FILENO, "/dev/null", O_WRONLY}};
    for (const auto& [fd, path, flags] : stand_ins) {
        if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest number that is free, which is this one.
        if (::open(path, flags) != fd) return false;
    }
    return true;
}

// Of what was printed, the end is written here at the latest. A reader that left has seen enough.
int end_output(int code) {
    const auto failure = spate::term::failure_of(stdout);
    if (!failure || code != 0 || errno == EPIPE) return code;
    spate::term::print(stderr, "spate: standard output: {}\n",
                       failure->empty() ? "not everything was written" : *failure);
    return output_error;
}

int run(int argc, char** argv) {
    if (argc < 2) {
        spate::term::write(stderr, help());
        return usage_error;
    }
    const std::string_view name = argv[1];
    if (name == "--help" || name == "-h" || name == "help") {
        spate::term::write(stdout, help());
        return 0;
    }
    if (name == "--version" || name == "-V" || name == "version") {
        spate::term::print(stdout, "spate {}\n", SPATE_VERSION);
        return 0;
    }
    const auto found = std::ranges::find(commands, name, &Command::name);
    return found == std::end(commands) ? complain(name) : found->run(argc - 1, argv + 1);
}

}  // namespace

int main(int argc, char** argv) {
    // Without /dev/null, with nothing to say it by: as a shell ends what it cannot run.
    if (!occupy_closed_streams()) return cannot_run;
    return end_output(run(argc, argv));
}
