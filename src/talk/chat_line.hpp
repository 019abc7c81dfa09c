// What a person types into a chat: pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace spate::talk {

enum class ChatVerb : std::uint8_t { say, to, peers, nick, hex, help, quit, unknown };

struct ChatLine {
    ChatVerb verb = ChatVerb::say;
    std::string_view argument;  ///< The text, an address, a name; of `unknown` the word itself.
};

/// "/to 10.0.0.7:7890" and the like; "//x" says "/x"; all else is said. Views of `line`.
[[nodiscard]] ChatLine parse_chat_line(std::string_view line);

}  // namespace spate::talk
