// How every command reads its command line, and what it says of a wrong one.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Parses the words after the command's name; gives the exit code of what is not to be run: 0 after
/// --help, 2 after a line about what is wrong.
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, std::vector<std::string> words);
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv);

/// What is wrong and where help is, on standard error; gives the exit code, 2.
int complain_of_usage(const std::string& command, std::string_view complaint);
