#include "talk/chat_line.hpp"

#include <gtest/gtest.h>

namespace spate::talk {
namespace {

TEST(ChatLineTest, WhatIsMeant) {
    struct Case {
        const char* line;
        ChatVerb verb;
        const char* argument;
    };
    for (const auto& [line, verb, argument] : {
             Case{"hello", ChatVerb::say, "hello"},
             Case{"  spaces stay ", ChatVerb::say, "  spaces stay "},
             Case{"", ChatVerb::say, ""},
             Case{"//quit", ChatVerb::say, "/quit"},
             Case{"/to 10.0.0.7:7890", ChatVerb::to, "10.0.0.7:7890"},
             Case{"/to   2  ", ChatVerb::to, "2"},
             Case{"/to", ChatVerb::to, ""},
             Case{"/nick Ann Lee", ChatVerb::nick, "Ann Lee"},
             Case{"/peers", ChatVerb::peers, ""},
             Case{"/who", ChatVerb::peers, ""},
             Case{"/hex", ChatVerb::hex, ""},
             Case{"/?", ChatVerb::help, ""},
             Case{"/quit\r", ChatVerb::quit, ""},
             Case{"/quitter", ChatVerb::unknown, "quitter"},
             Case{"/", ChatVerb::unknown, ""},
         }) {
        const ChatLine found = parse_chat_line(line);
        EXPECT_EQ(found.verb, verb) << line;
        EXPECT_EQ(found.argument, argument) << line;
    }
}

}  // namespace
}  // namespace spate::talk
