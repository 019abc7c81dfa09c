// How the sockets of a service are opened.
#include "serve/sockets.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace {

std::atomic<int> listens = 0;

}  // namespace

// In the place of libc's, for this program.
extern "C" int listen(int fd, int backlog) noexcept {
    ++listens;
    return static_cast<int>(::syscall(SYS_listen, fd, backlog));
}

namespace spate::serve {
namespace {

// One that listens for a moment, to see whether the address is free, lets clients in whom nobody
// will serve, and resets them.
TEST(SocketsTest, NoneListensThatNobodyAcceptsFrom) {
    for (const std::size_t cores : {1, 3}) {
        SCOPED_TRACE(cores);
        ServeOptions options;
        options.listen = {"127.0.0.1:0"};
        options.name_port = 0;
        listens = 0;
        auto sockets = open_sockets(options, cores);
        ASSERT_TRUE(sockets) << sockets.error();
        EXPECT_EQ(listens, static_cast<int>(2 * cores));
        for (const auto& of_core : sockets->by_core)
            EXPECT_EQ(of_core.size(), 2U);
    }
}

TEST(SocketsTest, ASecondServiceIsRefusedThePort) {
    ServeOptions options;
    options.listen = {"127.0.0.1:0"};
    auto first = open_sockets(options, 2);
    ASSERT_TRUE(first) << first.error();
    options.listen = {Address::of_local(first->by_core[0][0].socket.get())->text()};
    for (const std::size_t cores : {1, 2}) {
        auto second = open_sockets(options, cores);
        ASSERT_FALSE(second);
        EXPECT_NE(second.error().find("is another server running there?"), std::string::npos);
    }
}

}  // namespace
}  // namespace spate::serve
