#include "fetch/state.hpp"

#include <gtest/gtest.h>

namespace spate::fetch {
namespace {

State example() {
    State state;
    state.url = "http://localhost/a%20b?c=d";
    state.identity = {1000, "\"v 1\"", "Sun, 06 Nov 1994 08:49:37 GMT", true};
    state.done.add({0, 100});
    state.done.add({200, 1000});
    state.safe.add({0, 50});
    state.boot = "5f1e-42";
    return state;
}

TEST(StateTest, ReadsWhatItWrote) {
    EXPECT_EQ(read_state(write_state(example())), example());
    State bare;
    EXPECT_EQ(read_state(write_state(bare)), bare);
}

TEST(StateTest, IsTextThatAPersonCanRead) {
    EXPECT_EQ(write_state(example()).substr(0, write_state(example()).find("check ")),
              "spate-get 1\n"
              "url http://localhost/a%20b?c=d\n"
              "size 1000\n"
              "etag \"v 1\"\n"
              "last-modified Sun, 06 Nov 1994 08:49:37 GMT\n"
              "settled yes\n"
              "boot 5f1e-42\n"
              "done 0-100 200-1000\n"
              "safe 0-50\n");
}

TEST(StateTest, EveryCutIsRefused) {
    const std::string text = write_state(example());
    for (std::size_t length = 0; length < text.size(); ++length) {
        SCOPED_TRACE(length);
        EXPECT_FALSE(read_state(std::string_view(text).substr(0, length)));
    }
    EXPECT_FALSE(read_state(text + "\n"));
    EXPECT_FALSE(read_state(text + text));
}

TEST(StateTest, EveryChangedByteIsRefused) {
    const std::string text = write_state(example());
    for (std::size_t at = 0; at < text.size(); ++at) {
        SCOPED_TRACE(at);
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_FALSE(read_state(changed));
    }
}

TEST(StateTest, BytesPastTheEndOfTheFileAreRefused) {
    State state = example();
    state.done.add({1000, 1001});
    EXPECT_FALSE(read_state(write_state(state)));
}

TEST(StateTest, ControlBytesNeverGetIn) {
    State state = example();
    state.identity.etag = "\"a\nsize 5\"";
    const auto read = read_state(write_state(state));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->identity.etag, "");
}

TEST(StateTest, AfterARestartOnlyWhatWasOnTheDiskCounts) {
    EXPECT_EQ(trusted(example(), "5f1e-42").text(), "0-100 200-1000");
    EXPECT_EQ(trusted(example(), "another").text(), "0-50");
}

}  // namespace
}  // namespace spate::fetch
