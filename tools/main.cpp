// Picks a command.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
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

constexpr int usage_error = 2;

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

}  // namespace

int main(int argc, char** argv) {
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
