#include "talk/keys.hpp"

#include <gtest/gtest.h>

#include <string>

namespace spate::talk {
namespace {

std::u32string fed(Keys& keys, std::string_view bytes) {
    keys.feed(bytes);
    std::u32string characters;
    while (auto character = keys.next())
        characters += *character;
    return characters;
}

TEST(KeysTest, WhatIsWholeComesOut) {
    struct Case {
        const char* name;
        std::string bytes;
        std::u32string characters;
    };
    const Case cases[] = {
        {"text", "ab 你好💩\r", U"ab 你好💩\r"},
        {"controls", "\x01\x04\x7f", U"\x01\x04\x7f"},
        {"arrows, of either mode", "\x1b[A\x1bOC", U"\x1b[A\x1bOC"},
        {"Delete and Home", "\x1b[3~\x1b[H", U"\x1b[3~\x1b[H"},
        {"Page Up, F5 and Shift-Right edit nothing", "a\x1b[5~b\x1b[15~c\x1b[1;2Cd", U"abcd"},
        {"what is pasted, marked as such", "\x1b[200~text\x1b[201~", U"text"},
        {"Alt", "\x1bwx", U"\x1bwx"},
        {"Alt with what is not ASCII", "\x1b你x", U"x"},
        {"Escape twice", "\x1b\x1b[A", U"\x1b[A"},
        {"no UTF-8", "a\xff\xc0z\xe4z", U"azz"},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.name);
        Keys whole;
        EXPECT_EQ(fed(whole, each.bytes), each.characters);
        Keys pieces;
        std::u32string found;
        for (const char byte : each.bytes)
            found += fed(pieces, std::string_view(&byte, 1));
        EXPECT_EQ(found, each.characters);
    }
}

TEST(KeysTest, ABeginningWaitsForItsRest) {
    for (const char* beginning : {"\x1b", "\x1b[", "\x1b[1;", "\x1bO", "\xe4", "\xf0\x9f\x92"}) {
        Keys keys;
        EXPECT_EQ(fed(keys, beginning), U"") << beginning;
    }
}

}  // namespace
}  // namespace spate::talk
