#include "fetch/retry.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "fetch/stall.hpp"

namespace spate::fetch {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(RetryTest, TransientStatuses) {
    for (const int status : {408, 429, 500, 502, 503, 504, 522, 524}) {
        EXPECT_TRUE(is_transient(status)) << status;
    }
    for (const int status : {200, 301, 400, 401, 403, 404, 410, 416, 451, 501, 505, 507}) {
        EXPECT_FALSE(is_transient(status)) << status;
    }
}

TEST(RetryTest, NetworkErrors) {
    for (const int code : {ECONNRESET, ETIMEDOUT, EPIPE, EHOSTUNREACH, ENODATA, ECONNREFUSED}) {
        EXPECT_TRUE(is_network_error(code)) << code;
    }
    for (const int code : {ENOSPC, EACCES, EMFILE, EINVAL, ECANCELED}) {
        EXPECT_FALSE(is_network_error(code)) << code;
    }
    EXPECT_TRUE(is_final_at_first_contact(ECONNREFUSED));
    EXPECT_FALSE(is_final_at_first_contact(ETIMEDOUT));
}

TEST(BackoffTest, DoublesUpToTheLimitWithJitterBelow) {
    RetryPolicy policy;
    policy.attempts = 20;
    Backoff backoff(policy, 7);
    Duration full = seconds(1);
    for (unsigned attempt = 0; attempt < policy.attempts; ++attempt) {
        SCOPED_TRACE(attempt);
        const auto delay = backoff.next();
        ASSERT_TRUE(delay);
        EXPECT_LE(*delay, full);
        EXPECT_GE(*delay, full / 2);
        full = std::min<Duration>(full * 2, minutes(10));
    }
    EXPECT_FALSE(backoff.next());
}

TEST(BackoffTest, SeedsDrawDifferentLots) {
    EXPECT_NE(Backoff({}, 1).next(), Backoff({}, 2).next());
    EXPECT_EQ(Backoff({}, 3).next(), Backoff({}, 3).next());
}

TEST(BackoffTest, ProgressBeginsTheCountAgain) {
    RetryPolicy policy;
    policy.attempts = 2;
    Backoff backoff(policy, 1);
    for (int round = 0; round < 10; ++round) {
        EXPECT_TRUE(backoff.next());
        EXPECT_TRUE(backoff.next());
        EXPECT_FALSE(backoff.next());
        EXPECT_EQ(backoff.failures(), 2U);
        backoff.progressed();
    }
}

TEST(BackoffTest, TheServersWishIsTheLeast) {
    Backoff backoff({}, 1);
    EXPECT_EQ(backoff.next(90), seconds(90));
    EXPECT_LE(backoff.next(0), Duration(seconds(2)));
    EXPECT_FALSE(backoff.next(3601)) << "longer than an hour is a no";
}

TEST(BackoffTest, AConstantDelayHasNoJitter) {
    RetryPolicy policy;
    policy.constant_delay = true;
    policy.first_delay = milliseconds(250);
    Backoff backoff(policy, 1);
    EXPECT_EQ(backoff.next(), milliseconds(250));
    EXPECT_EQ(backoff.next(), milliseconds(250));
    EXPECT_EQ(backoff.next(1), seconds(1));
}

TEST(StallTest, TheDeadlineMovesWhenAWindowHasHadItsBytes) {
    const TimePoint start{seconds(100)};
    StallWatch watch(100, seconds(30));
    watch.restart(start);
    EXPECT_EQ(watch.deadline(), start + seconds(30));
    EXPECT_FALSE(watch.add(start + seconds(1), 2999));
    EXPECT_EQ(watch.deadline(), start + seconds(30));
    EXPECT_TRUE(watch.add(start + seconds(2), 1));
    EXPECT_EQ(watch.deadline(), start + seconds(32));
}

TEST(StallTest, NoPatienceMeansNoDeadline) {
    StallWatch watch(1, Duration{0});
    watch.restart(TimePoint{seconds(1)});
    EXPECT_EQ(watch.deadline(), no_deadline);
    EXPECT_FALSE(watch.add(TimePoint{seconds(2)}, 1 << 30));
}

}  // namespace
}  // namespace spate::fetch
