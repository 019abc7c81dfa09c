#include <sys/timerfd.h>

#include <atomic>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "kernel_test.hpp"
#include "uring/ring.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

class LoopRunTest : public test::LoopTest {};

TEST_F(LoopRunTest, SleepersWakeInTheOrderOfTheirTimes) {
    std::vector<int> order;
    auto sleeper = [&](int ms) -> Task<void> {
        const TimePoint until = loop().now() + std::chrono::milliseconds(ms);
        co_await loop().sleep_until(until);
        EXPECT_GE(loop().now(), until);
        order.push_back(ms);
    };
    auto body = [&]() -> Task<void> {
        for (int ms : {30, 5, 20, 0, 10})
            loop().spawn(sleeper(ms));
        co_await loop().sleep_for(40ms);
    };
    run(body());
    EXPECT_EQ(order, (std::vector{0, 5, 10, 20, 30}));
}

TEST_F(LoopRunTest, YieldingTasksTakeTurns) {
    std::string order;
    auto worker = [&](char name) -> Task<void> {
        for (int i = 0; i < 4; ++i) {
            order += name;
            co_await loop().yield();
        }
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(worker('a'));
        loop().spawn(worker('b'));
        auto last = worker('c');
        co_await last;
    };
    run(body());
    EXPECT_EQ(order, "abcabcabcabc");
}

TEST_F(LoopRunTest, ATaskThatOnlyYieldsStarvesNeitherTimersNorOperations) {
    auto pair = test::connected_pair();
    bool over = false;
    auto busy = [&]() -> Task<void> {
        while (!over)
            co_await loop().yield();
    };
    auto body = [&]() -> Task<void> {
        loop().spawn(busy());
        co_await loop().sleep_for(2ms);
        TcpStream stream(loop(), std::move(pair.near));
        ::send(pair.far.get(), "x", 1, 0);
        auto got = co_await stream.receive();
        EXPECT_TRUE(got);
        got->reset();
        co_await stream.close();
        over = true;
    };
    run(body());
}

TEST_F(LoopRunTest, PostsOfManyThreadsAllRunOnTheLoopsThread) {
    constexpr int threads = 4;
    constexpr int each = 5000;
    const auto here = std::this_thread::get_id();
    int ran = 0;
    Event all;
    auto count = [&] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_EQ(Loop::current(), &loop());
        if (++ran == threads * each) all.set();
    };
    std::vector<std::thread> posters;
    for (int i = 0; i < threads; ++i)
        posters.emplace_back([&] {
            for (int n = 0; n < each; ++n)
                loop().post(count);
        });
    auto body = [&]() -> Task<void> { co_await all.wait(); };
    run(body());
    for (auto& poster : posters)
        poster.join();
    EXPECT_EQ(ran, threads * each);
}

TEST_F(LoopRunTest, StopFromAnotherThreadEndsAnIdleLoop) {
    std::thread stopper([&] { loop().request_stop(); });
    loop().run();
    stopper.join();
    EXPECT_TRUE(loop().stopping().is_set());
}

TEST_F(LoopRunTest, StopWaitsForTasksAndForWhatTheySpawnLast) {
    int ended = 0;
    auto task = [&](bool spawns, auto& self) -> Task<void> {
        co_await loop().stopping().wait();
        co_await loop().sleep_for(1ms);
        if (spawns) loop().spawn(self(false, self));
        ++ended;
    };
    loop().post([&] {
        loop().spawn(task(true, task));
        loop().stop();
        // In the inbox when the loop would end.
        loop().post([&] { loop().spawn(task(false, task)); });
    });
    loop().run();
    EXPECT_EQ(ended, 3);
}

TEST_F(LoopRunTest, EventResumesAllInOrderAndStaysSet) {
    Event event;
    std::string order;
    auto waiter = [&](char name) -> Task<void> {
        co_await event.wait();
        order += name;
    };
    auto body = [&]() -> Task<void> {
        for (char name : {'a', 'b', 'c'})
            loop().spawn(waiter(name));
        EXPECT_EQ(order, "");
        event.set();
        EXPECT_EQ(order, "") << "resumed from the loop, not from within set()";
        co_await loop().yield();
        EXPECT_EQ(order, "abc");
        auto late = waiter('d');
        co_await late;
        EXPECT_EQ(order, "abcd");
        event.reset();
        loop().spawn(waiter('e'));
        co_await loop().yield();
        EXPECT_EQ(order, "abcd");
        event.set();
        co_await loop().yield();
        EXPECT_EQ(order, "abcde");
    };
    run(body());
}

// Without a loop that runs there is nobody to wait yet.
TEST_F(LoopRunTest, TasksSpawnedBeforeTheLoopRunsWaitForEventsToo) {
    Event event;
    std::string order;
    auto waiter = [&]() -> Task<void> {
        order += 'w';
        co_await event.wait();
        order += 'e';
        loop().stop();
    };
    auto setter = [&]() -> Task<void> {
        order += 's';
        event.set();
        co_return;
    };
    loop().spawn(waiter());
    loop().spawn(setter());
    EXPECT_EQ(order, "") << "they start with the loop";
    loop().run();
    EXPECT_EQ(order, "wse");
}

TEST_F(LoopRunTest, AnEventThatNobodyAwaitsIsSetWithoutALoop) {
    Event event;
    event.set();
    EXPECT_TRUE(event.is_set());
    auto body = [&]() -> Task<void> { co_await event.wait(); };
    run(body());
}

TEST_F(LoopRunTest, TasksThatNeverStartedDieWithTheLoop) {
    auto held = std::make_shared<int>(1);
    auto body = [](std::shared_ptr<int> copy) -> Task<void> {
        EXPECT_NE(copy, nullptr);
        co_return;
    };
    loop().spawn(body(held));
    EXPECT_EQ(held.use_count(), 2);
    close_loop();
    EXPECT_EQ(held.use_count(), 1);
}

TEST_F(LoopRunTest, SpawningIsForTheLoopsOwnThread) {
    const auto violate = [&] {
        auto body = [&]() -> Task<void> { co_return; };
        auto task = [&]() -> Task<void> {
            std::thread([&] { loop().spawn(body()); }).join();
            co_return;
        };
        run(task());
    };
    EXPECT_DEATH(violate(), "spate: Loop::spawn\\(\\) is for the loop's own thread");
}

TEST_F(LoopRunTest, FilesAreWrittenAndReadThroughTheRing) {
    test::TemporaryFolder folder;
    const Fd file(::open(folder.path("f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const std::string text = "through the ring";
    auto body = [&]() -> Task<void> {
        const auto bytes = std::as_bytes(std::span(text));
        auto written = co_await write_all(loop(), file.get(), bytes, 100);
        EXPECT_TRUE(written);
        auto synced = co_await fsync(loop(), file.get(), true);
        EXPECT_TRUE(synced);
        std::string back(text.size(), '\0');
        const auto into = std::as_writable_bytes(std::span(back));
        auto got = co_await read_at(loop(), file.get(), into, 100);
        EXPECT_EQ(got.value(), text.size());
        EXPECT_EQ(back, text);
        auto nothing = co_await read_at(loop(), file.get(), into, 1000);
        EXPECT_EQ(nothing.value(), 0U);
        auto refused = co_await read_at(loop(), -1, into, 0);
        EXPECT_EQ(refused.error().code, EBADF);
    };
    run(body());
}

// Each datagram by itself would wake the loop.
TEST_F(LoopRunTest, GatheringFindsManyInOneWakeUp) {
    open_loop({.gather = std::chrono::milliseconds(100)});
    if (!loop().ring().gathers()) GTEST_SKIP() << "this kernel knows no minimum wait (Linux 6.12)";
    constexpr std::size_t many = 50;
    auto body = [&]() -> Task<void> {
        const Address any = *Address::parse("127.0.0.1:0");
        auto socket = *UdpSocket::open(loop(), any, {.join_segments = false});
        const Address to = *Address::of_local(socket->fd());
        std::thread sender([&] {
            const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            for (std::size_t i = 0; i < many; ++i)
                EXPECT_EQ(::sendto(fd.get(), "x", 1, 0, to.data(), to.size()), 1);
        });
        const std::uint64_t before = loop().counters().turns;
        DatagramBatch batch;
        for (std::size_t received = 0; received < many; received += batch.size()) {
            auto got = co_await socket->receive(batch);
            EXPECT_TRUE(got);
        }
        // One that has waited long already is woken at once, and then gathers.
        EXPECT_LT(loop().counters().turns - before, many / 2);
        sender.join();
        batch = {};
        co_await socket->close();
    };
    run(body());
}

// On a loop of its own: the timer that watches over other tests would end its wait.
TEST_F(LoopRunTest, AGatheringLoopWithNothingToDoSleeps) {
    open_loop({.gather = std::chrono::milliseconds(1)});
    if (!loop().ring().gathers()) GTEST_SKIP() << "this kernel knows no minimum wait (Linux 6.12)";
    const Fd later(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    const itimerspec when{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 100'000'000}};
    ASSERT_EQ(::timerfd_settime(later.get(), 0, &when, nullptr), 0);
    auto body = [&]() -> Task<void> {
        std::uint64_t times = 0;
        auto into = std::as_writable_bytes(std::span(&times, 1));
        EXPECT_TRUE(co_await read_at(loop(), later.get(), into, 0));
        loop().stop();
    };
    loop().post([&] { loop().spawn(body()); });
    loop().run();
    EXPECT_LT(loop().counters().turns, 20U);
}

}  // namespace
}  // namespace spate
