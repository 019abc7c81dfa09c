#include "serve/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>

#include <spate/address.hpp>
#include <spate/tcp.hpp>

#include "child.hpp"

namespace spate::serve {
namespace {

Fd listener() {
    auto address = Address::parse("127.0.0.1:0");
    auto socket = listen_on(*address);
    EXPECT_TRUE(socket);
    return std::move(*socket);
}

/// Puts sockets where a service manager does. In a child only: what was there is gone.
void pass(const std::vector<int>& sockets) {
    std::vector<int> high;
    for (const int socket : sockets)
        high.push_back(::fcntl(socket, F_DUPFD, 50));
    int next = 3;
    for (const int socket : high) {
        ASSERT_EQ(::dup2(socket, next), next);
        ::close(socket);
        ++next;
    }
    ::close(next);
}

void set_variables(const std::string& pid, const std::string& count, const char* names = nullptr) {
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", count.c_str(), 1);
    if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
}

std::string own_pid() {
    return std::to_string(::getpid());
}

TEST(PassedSocketsTest, NoneWithoutTheVariables) {
    in_child([] {
        ::unsetenv("LISTEN_PID");
        ::unsetenv("LISTEN_FDS");
        auto passed = take_passed_sockets();
        ASSERT_TRUE(passed);
        EXPECT_TRUE(passed->empty());
    });
}

TEST(PassedSocketsTest, TakesEachWithItsNameOnce) {
    in_child([] {
        const std::vector<int> sockets{listener().release(), listener().release(),
                                       listener().release()};
        pass(sockets);
        set_variables(own_pid(), "3", "http::names");
        auto passed = take_passed_sockets();
        ASSERT_TRUE(passed) << passed.error().message();
        ASSERT_EQ(passed->size(), 3U);
        EXPECT_EQ((*passed)[0].name, "http");
        EXPECT_EQ((*passed)[1].name, "unknown");
        EXPECT_EQ((*passed)[2].name, "names");
        EXPECT_EQ((*passed)[0].fd.get(), 3);
        EXPECT_EQ(::fcntl((*passed)[2].fd.get(), F_GETFD), FD_CLOEXEC);
        for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
            EXPECT_EQ(std::getenv(variable), nullptr) << variable;
        EXPECT_TRUE(take_passed_sockets()->empty());
    });
}

TEST(PassedSocketsTest, ThoseForAnotherProcessAreLeftAlone) {
    in_child([] {
        pass({listener().release()});
        set_variables("1", "1");
        EXPECT_TRUE(take_passed_sockets()->empty());
        EXPECT_EQ(::fcntl(3, F_GETFD), 0);
    });
}

TEST(PassedSocketsTest, WhatCannotBeServedIsAnError) {
    struct Case {
        const char* name;
        const char* count;
        int (*socket)();
        int want;
    };
    const std::vector<Case> cases{
        {"no number", "x", [] { return listener().release(); }, EINVAL},
        {"negative", "-1", [] { return listener().release(); }, EINVAL},
        {"one too many", "2", [] { return listener().release(); }, EBADF},
        {"a file", "1", [] { return ::open("/dev/null", O_RDONLY); }, ENOTSOCK},
        {"not listening", "1", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }, ESOCKTNOSUPPORT},
        {"datagrams", "1", [] { return ::socket(AF_INET, SOCK_DGRAM, 0); }, ESOCKTNOSUPPORT},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        in_child([&c] {
            pass({c.socket()});
            set_variables(own_pid(), c.count);
            auto passed = take_passed_sockets();
            ASSERT_FALSE(passed);
            EXPECT_EQ(passed.error().code, c.want) << passed.error().message();
        });
    }
}

/// Hears what is sent to an address as a service manager does.
class ServiceOwner {
  public:
    explicit ServiceOwner(const Address& address) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        EXPECT_EQ(::bind(socket_.get(), address.data(), address.size()), 0);
    }
    std::string receive() {
        char buffer[512];
        const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
    }

  private:
    Fd socket_;
};

TEST(NotifierTest, SaysNothingWhereNobodyListens) {
    ::unsetenv("NOTIFY_SOCKET");
    auto notifier = Notifier::from_environment();
    ASSERT_TRUE(notifier);
    EXPECT_FALSE(notifier->connected());
    notifier->send("READY=1");
}

TEST(NotifierTest, ReachesPathsAndAbstractNames) {
    const std::string path = ::testing::TempDir() + "spate-notify-" + own_pid();
    for (const std::string& name : {path, "@spate-notify-" + own_pid()}) {
        SCOPED_TRACE(name);
        ServiceOwner manager(*Address::parse("unix:" + name));
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
        auto notifier = Notifier::from_environment();
        ASSERT_TRUE(notifier) << notifier.error().message();
        EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
        notifier->send("READY=1\nSTATUS=Serving /srv");
        EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=Serving /srv");
        notifier->send("STOPPING=1");
        EXPECT_EQ(manager.receive(), "STOPPING=1");
    }
    std::filesystem::remove(path);
}

TEST(NotifierTest, BadAddressesAreErrors) {
    struct Case {
        std::string name;
        int want;
    };
    const std::vector<Case> cases{{"", EAFNOSUPPORT},
                                  {"relative", EAFNOSUPPORT},
                                  {"vsock:2:1234", EAFNOSUPPORT},
                                  {"/" + std::string(200, 'a'), ENAMETOOLONG},
                                  {"/nonexistent/notify", ENOENT},
                                  {"@spate-nobody-" + own_pid(), ECONNREFUSED}};
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        ::setenv("NOTIFY_SOCKET", c.name.c_str(), 1);
        auto notifier = Notifier::from_environment();
        ASSERT_FALSE(notifier);
        EXPECT_EQ(notifier.error().code, c.want);
    }
}

TEST(NotifierTest, AManagerWhoHasGoneIsNotMissed) {
    const std::string name = "@spate-gone-" + own_pid();
    auto manager = std::make_unique<ServiceOwner>(*Address::parse("unix:" + name));
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    auto notifier = Notifier::from_environment();
    ASSERT_TRUE(notifier);
    manager.reset();
    notifier->send("STOPPING=1");
}

}  // namespace
}  // namespace spate::serve
