#include "command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "term/escape.hpp"
#include "term/print.hpp"

namespace {

constexpr int usage_error = 2;

// CLI11 speaks of all that was left over, in reverse, and before that of what is missing: a
// mistyped option takes its value with it.
std::string complaint_of(const CLI::App& app, const CLI::ParseError& error) {
    const std::vector<std::string> left = app.remaining();
    const auto option = std::ranges::find_if(left, [](const std::string& word) {
        return word.size() > 1 && word.starts_with('-') && word != "--";
    });
    if (option != left.end())
        return fmt::format("there is no option '{}'", spate::term::printable(*option));
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !left.empty())
        return fmt::format("'{}' is one too many", spate::term::printable(left.front()));
    return error.what();
}

}  // namespace

std::optional<int> parse_command_line(CLI::App& app, std::vector<std::string> words) {
    // CLI11 takes them from the back.
    std::ranges::reverse(words);
    try {
        app.parse(std::move(words));
    } catch (const CLI::CallForHelp&) {
        spate::term::write(stdout, app.help());
        return 0;
    } catch (const CLI::ParseError& error) {
        return complain_of_usage(app.get_name(), complaint_of(app, error));
    }
    return std::nullopt;
}

std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
    return parse_command_line(app, std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}

int complain_of_usage(const std::string& command, std::string_view complaint) {
    spate::term::print(stderr, "{0}: {1}\n{0} --help says more.\n", command, complaint);
    return usage_error;
}

CLI::Option* add_repeatable(CLI::App& app, const char* name, const char* type, const char* help,
                            std::vector<std::string>& into) {
    return app.add_option(name, into, help)
        ->type_name(type)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
}
