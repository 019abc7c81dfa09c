#include "talk/chat_line.hpp"

#include <algorithm>

namespace spate::talk {
namespace {

struct Word {
    std::string_view name;
    ChatVerb verb;
};
constexpr Word words[] = {
    {"to", ChatVerb::to},     {"peers", ChatVerb::peers}, {"who", ChatVerb::peers},
    {"nick", ChatVerb::nick}, {"hex", ChatVerb::hex},     {"help", ChatVerb::help},
    {"?", ChatVerb::help},    {"quit", ChatVerb::quit},   {"exit", ChatVerb::quit},
};

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

ChatLine parse_chat_line(std::string_view line) {
    if (line.starts_with("//")) return {ChatVerb::say, line.substr(1)};
    if (!line.starts_with('/')) return {ChatVerb::say, line};
    const std::string_view rest = trimmed(line.substr(1));
    const std::string_view name = rest.substr(0, rest.find_first_of(" \t"));
    const auto* found = std::ranges::find(words, name, &Word::name);
    if (found == std::end(words)) return {ChatVerb::unknown, name};
    return {found->verb, trimmed(rest.substr(name.size()))};
}

}  // namespace spate::talk
