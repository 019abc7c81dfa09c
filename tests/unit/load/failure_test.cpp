#include "load/failure.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace spate::load {
namespace {

TEST(FailureTest, NamesLeadBackToTheirClass) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < failure_classes; ++i) {
        const auto failure = static_cast<Failure>(i);
        names.insert(name_of(failure));
        EXPECT_EQ(failure_of(name_of(failure)), failure);
    }
    EXPECT_EQ(names.size(), failure_classes);
    EXPECT_EQ(name_of(Failure::connect_refused), "connect_refused");
    EXPECT_EQ(name_of(Failure::icmp_unreachable), "icmp_unreachable");
    EXPECT_EQ(failure_of("status_3xx"), std::nullopt);
    EXPECT_EQ(failure_of(""), std::nullopt);
}

TEST(FailureTest, EveryClassHasOneColumn) {
    for (std::size_t i = 0; i < failure_classes; ++i) {
        const auto failure = static_cast<Failure>(i);
        SCOPED_TRACE(name_of(failure));
        const Column want = name_of(failure).starts_with("status_")  ? Column::http_error
                            : name_of(failure).ends_with("_timeout") ? Column::timeout
                                                                     : Column::net_error;
        EXPECT_EQ(column_of(failure), want);
    }
}

TEST(FailureTest, ConnectingFailsInAClass) {
    const struct {
        int code;
        Failure want;
    } cases[] = {
        {ECONNREFUSED, Failure::connect_refused},
        {ENOENT, Failure::connect_refused},
        {ETIMEDOUT, Failure::connect_timeout},
        {EHOSTUNREACH, Failure::unreachable},
        {ENETUNREACH, Failure::unreachable},
        {ENETDOWN, Failure::unreachable},
        {EACCES, Failure::unreachable},
        {EADDRNOTAVAIL, Failure::no_ports},
        {EMFILE, Failure::no_fds},
        {ENFILE, Failure::no_fds},
        {ENOMEM, Failure::no_fds},
        {ENOBUFS, Failure::no_fds},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(name_of(connect_failure(Error{c.code, "connect"})), name_of(c.want)) << c.code;
    }
}

}  // namespace
}  // namespace spate::load
