// Channel within a loop and Mailbox between threads.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../../kernel/kernel_test.hpp"

namespace spate {
namespace {

class ChannelTest : public test::LoopTest {
  protected:
    using Texts = Channel<std::unique_ptr<std::string>>;

    Task<void> push(Texts& channel, std::string text) {
        auto value = std::make_unique<std::string>(text);
        auto pushed = co_await channel.push(std::move(value));
        said_ += (pushed ? "+" : pushed.error().code == EPIPE ? "x" : "!") + text;
        EXPECT_EQ(value != nullptr, !pushed) << "moved from only when it is pushed";
    }
    Task<void> pop(Texts& channel) {
        auto value = co_await channel.pop();
        if (value)
            said_ += "-" + **value;
        else
            said_ += value.error().code == EPIPE ? "x-" : "!-";
    }
    std::string said_;
};

TEST_F(ChannelTest, PushWaitsForRoomAndPopForAValue) {
    Texts channel(2);
    auto body = [&]() -> Task<void> {
        for (const char* text : {"a", "b", "c", "d"})
            loop().spawn(push(channel, text));
        EXPECT_EQ(said_, "+a+b");
        EXPECT_EQ(channel.size(), 2U);
        loop().spawn(pop(channel));
        co_await loop().yield();
        EXPECT_EQ(said_, "+a+b-a+c");
        for (int i = 0; i < 5; ++i)
            loop().spawn(pop(channel));
        co_await loop().yield();
        EXPECT_EQ(said_, "+a+b-a+c-b-c-d+d");
        loop().spawn(push(channel, "e"));
        loop().spawn(push(channel, "f"));
        co_await loop().yield();
        EXPECT_EQ(said_, "+a+b-a+c-b-c-d+d+e+f-e-f");
    };
    run(body());
}

TEST_F(ChannelTest, WithoutRoomEachPushWaitsForItsPop) {
    Texts channel(0);
    auto body = [&]() -> Task<void> {
        loop().spawn(push(channel, "a"));
        loop().spawn(push(channel, "b"));
        EXPECT_EQ(said_, "");
        loop().spawn(pop(channel));
        co_await loop().yield();
        EXPECT_EQ(said_, "-a+a");
        loop().spawn(pop(channel));
        loop().spawn(pop(channel));
        loop().spawn(push(channel, "c"));
        co_await loop().yield();
        EXPECT_EQ(said_, "-a+a-b+c+b-c");
    };
    run(body());
}

TEST_F(ChannelTest, ClosingEndsWhoWaitsAndKeepsWhatIsInIt) {
    Texts channel(1);
    auto body = [&]() -> Task<void> {
        loop().spawn(push(channel, "a"));
        loop().spawn(push(channel, "b"));
        channel.close();
        co_await loop().yield();
        EXPECT_EQ(said_, "+axb");
        loop().spawn(push(channel, "c"));
        loop().spawn(pop(channel));
        loop().spawn(pop(channel));
        EXPECT_EQ(said_, "+axbxc-ax-");
    };
    run(body());
    EXPECT_TRUE(channel.closed());
}

TEST_F(ChannelTest, AStopEndsWaitsAndLosesNoValue) {
    Texts channel(1);
    StopSource source;
    auto body = [&]() -> Task<void> {
        loop().spawn(pop(channel), source.token());
        loop().spawn(pop(channel), source.token());
        loop().spawn(push(channel, "a"));  // handed to the first, who is to be resumed
        source.request_stop();
        co_await loop().yield();
        EXPECT_EQ(said_, "+a-a!-");
        loop().spawn(push(channel, "b"));
        loop().spawn(pop(channel), source.token());
        EXPECT_EQ(said_, "+a-a!-+b!-") << "although a value is there";
        StopSource other;
        loop().spawn(push(channel, "c"), other.token());
        loop().spawn(push(channel, "d"));
        other.request_stop();
        loop().spawn(pop(channel));
        loop().spawn(pop(channel));
        co_await loop().yield();
        EXPECT_EQ(said_, "+a-a!-+b!--b-d!c+d");
    };
    run(body());
}

class MailboxTest : public test::LoopTest {};

TEST_F(MailboxTest, WhatManyThreadsPushArrivesOnceAndInTheOrderOfEach) {
    constexpr int threads = 4;
    constexpr int each = 5000;
    std::vector<std::thread> pushers;
    auto body = [&]() -> Task<void> {
        Mailbox<std::pair<int, int>> mailbox(loop(), 16);
        for (int number = 0; number < threads; ++number)
            pushers.emplace_back([number, sender = mailbox.sender()] {
                for (int value = 0; value < each; ++value)
                    while (!sender.push({number, value}))
                        std::this_thread::yield();
            });
        std::vector<int> next(threads);
        for (int count = 0; count < threads * each; ++count) {
            auto got = co_await mailbox.pop();
            EXPECT_TRUE(got);
            if (!got) break;
            EXPECT_EQ(got->second, next[static_cast<std::size_t>(got->first)]++);
        }
    };
    run(body());
    for (auto& pusher : pushers)
        pusher.join();
}

TEST_F(MailboxTest, IsBoundedAndMayBeClosed) {
    auto body = [&]() -> Task<void> {
        Mailbox<int> mailbox(loop(), 2);
        const auto sender = mailbox.sender();
        EXPECT_TRUE(sender.push(1));
        EXPECT_TRUE(sender.push(2));
        EXPECT_FALSE(sender.push(3));
        EXPECT_EQ((co_await mailbox.pop()).value(), 1);
        EXPECT_TRUE(sender.push(4));
        mailbox.close();
        EXPECT_FALSE(sender.push(5));
        EXPECT_EQ((co_await mailbox.pop()).value(), 2);
        EXPECT_EQ((co_await mailbox.pop()).value(), 4);
        EXPECT_EQ((co_await mailbox.pop()).error().code, EPIPE);
    };
    run(body());
}

TEST_F(MailboxTest, ASenderMayOutliveMailboxAndLoop) {
    std::optional<Mailbox<int>::Sender> sender;
    auto body = [&]() -> Task<void> {
        Mailbox<int> mailbox(loop(), 2);
        sender = mailbox.sender();
        EXPECT_TRUE(sender->push(1));  // its news comes when the mailbox is gone
        co_return;
    };
    run(body());
    EXPECT_FALSE(sender->push(2));
    close_loop();
    EXPECT_FALSE(sender->push(3));
}

TEST_F(MailboxTest, PoppingCanBeStoppedAndClosed) {
    Mailbox<int> mailbox(loop(), 1);
    std::string said;
    auto pop = [&]() -> Task<void> {
        auto got = co_await mailbox.pop();
        said += !got ? (got.error().code == EPIPE ? "x" : "!") : "-";
    };
    StopSource source;
    auto body = [&]() -> Task<void> {
        loop().spawn(pop(), source.token());
        loop().spawn(pop());
        source.request_stop();
        co_await loop().yield();
        EXPECT_EQ(said, "!");
        EXPECT_TRUE(mailbox.sender().push(1));
        loop().spawn(pop(), source.token());
        EXPECT_EQ(said, "!!") << "although a value is there";
        while (said.size() < 3)
            co_await loop().yield();
        EXPECT_EQ(said, "!!-");
        loop().spawn(pop());
        mailbox.close();
        co_await loop().yield();
        EXPECT_EQ(said, "!!-x");
    };
    run(body());
}

}  // namespace
}  // namespace spate
