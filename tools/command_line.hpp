// How every command reads its command line, and what it says of a wrong one.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Parses the words after the command's name; gives the exit code of what is not to be run: 0 after
/// --help, 2 after a line about what is wrong.
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, std::vector<std::string> words);
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv);

/// What is wrong and where help is, on standard error; gives the exit code, 2.
int complain_of_usage(const std::string& command, std::string_view complaint);

/// An option whose text a parser of ours reads, so that its complaint is ours, too.
template <typename Value, typename Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, const char* type, const char* help,
                        Value& into, Parse parse) {
    const std::string shown = name.substr(name.find("--"));
    const auto read = [shown, &into, parse = std::move(parse)](const std::string& text) {
        auto value = parse(text);
        if (!value) throw CLI::ValidationError(shown, value.error());
        into = static_cast<Value>(std::move(*value));
    };
    return app.add_option_function<std::string>(name, read, help)->type_name(type);
}

/// An option that may be given several times, with one value each.
CLI::Option* add_repeatable(CLI::App& app, const char* name, const char* type, const char* help,
                            std::vector<std::string>& into);
