#include <string>

#include "kernel_test.hpp"

namespace spate {
namespace {

using namespace std::chrono_literals;

// Far beyond what a loop that has something else to do may be late by on a busy machine.
constexpr auto generous = 20s;

/// Counts, and tells who waits.
class Bell : public Alarm {
  public:
    Bell() : Alarm(&ring) {}
    Event rung;
    int times = 0;
    TimePoint last;

  private:
    static void ring(Alarm& alarm) {
        auto& self = static_cast<Bell&>(alarm);
        ++self.times;
        self.last = Clock::now();
        self.rung.set();
    }
};

class AlarmTest : public test::LoopTest {};

TEST_F(AlarmTest, RingsOnceAndNotBeforeItsTime) {
    Bell bell;
    auto body = [&]() -> Task<void> {
        for (const Duration ahead : {Duration(0), Duration(-1s), Duration(1us), Duration(30us),
                                     Duration(70us), Duration(3ms)}) {
            bell.times = 0;
            bell.rung.reset();
            const TimePoint when = loop().now() + ahead;
            loop().set_alarm(bell, when);
            EXPECT_EQ(bell.times, 0) << "from the loop, not from within set_alarm()";
            co_await bell.rung.wait();
            EXPECT_GE(bell.last, when);
            EXPECT_GE(loop().now(), when);
            EXPECT_LT(bell.last, when + generous);
            co_await loop().sleep_for(2ms);
            EXPECT_EQ(bell.times, 1);
        }
    };
    run(body());
}

TEST_F(AlarmTest, ALaterCallReplacesTheAlarm) {
    Bell replaced;
    Bell bell;
    auto body = [&]() -> Task<void> {
        const TimePoint start = loop().now();
        loop().set_alarm(replaced, start + 1ms);
        loop().set_alarm(bell, start + 4ms);
        co_await bell.rung.wait();
        EXPECT_GE(bell.last, start + 4ms);
        // To an earlier time as well.
        bell.rung.reset();
        loop().set_alarm(bell, loop().now() + 1h);
        const TimePoint soon = loop().now() + 1ms;
        loop().set_alarm(bell, soon);
        co_await bell.rung.wait();
        EXPECT_GE(bell.last, soon);
    };
    run(body());
    EXPECT_EQ(replaced.times, 0);
    EXPECT_EQ(bell.times, 2);
}

TEST_F(AlarmTest, AClearedAlarmStaysSilent) {
    Bell bell;
    auto body = [&]() -> Task<void> {
        loop().clear_alarm();
        loop().set_alarm(bell, loop().now() + 1ms);
        loop().clear_alarm();
        co_await loop().sleep_for(5ms);
        EXPECT_EQ(bell.times, 0);
        loop().set_alarm(bell, loop().now());
        co_await bell.rung.wait();
    };
    run(body());
    EXPECT_EQ(bell.times, 1);
}

TEST_F(AlarmTest, ItsCallbackMaySetItAgain) {
    class Ticker : public Alarm {
      public:
        explicit Ticker(Loop& owner) : Alarm(&tick), loop(owner) {}
        static void tick(Alarm& alarm) {
            auto& self = static_cast<Ticker&>(alarm);
            EXPECT_GE(self.loop.now(), self.due);
            if (--self.left == 0) return self.over.set();
            self.loop.set_alarm(self, self.due += 100us);
        }
        Loop& loop;
        Event over;
        TimePoint due;
        int left = 50;
    };
    Ticker ticker(loop());
    auto body = [&]() -> Task<void> {
        ticker.due = loop().now() + 100us;
        const TimePoint end = ticker.due + 49 * 100us;
        loop().set_alarm(ticker, ticker.due);
        co_await ticker.over.wait();
        EXPECT_GE(loop().now(), end);
    };
    run(body());
    EXPECT_EQ(ticker.left, 0);
}

TEST_F(AlarmTest, RingsBesideTimersAndTraffic) {
    auto pair = test::connected_pair();
    Bell bell;
    bool over = false;
    int exchanges = 0;
    int slept = 0;
    auto traffic = [&](TcpStream& near, TcpStream& far) -> Task<void> {
        while (!over || exchanges < 2) {
            std::string_view text("ping");
            auto sent = co_await near.send(text);
            EXPECT_TRUE(sent);
            auto got = co_await far.receive();
            EXPECT_TRUE(got);
            ++exchanges;
        }
    };
    Event rested;
    auto sleeper = [&]() -> Task<void> {
        for (; slept < 5; ++slept)
            co_await loop().sleep_for(1ms);
        rested.set();
    };
    auto body = [&]() -> Task<void> {
        TcpStream near(loop(), std::move(pair.near));
        TcpStream far(loop(), std::move(pair.far));
        const TimePoint when = loop().now() + 20ms;
        loop().set_alarm(bell, when);
        auto exchanging = traffic(near, far);
        loop().spawn(sleeper());
        auto wait = [&]() -> Task<void> {
            co_await bell.rung.wait();
            over = true;
        };
        loop().spawn(wait());
        co_await exchanging;
        EXPECT_GE(bell.last, when);
        EXPECT_LT(bell.last, when + generous);
        co_await rested.wait();
        co_await near.close();
        co_await far.close();
    };
    run(body());
    EXPECT_EQ(bell.times, 1);
    EXPECT_GT(exchanges, 1);
    EXPECT_EQ(slept, 5);
}

TEST_F(AlarmTest, WaitingForOneIsSleepButForItsLastMoment) {
    Bell bell;
    auto body = [&]() -> Task<void> {
        bool slept = false;
        for (int attempt = 0; attempt < 5 && !slept;
             ++attempt) {  // Others may take its last moment.
            const auto before = loop().counters();
            const TimePoint began = Clock::now();
            bell.rung.reset();
            loop().set_alarm(bell, loop().now() + 100ms);
            co_await bell.rung.wait();
            const Duration took = Clock::now() - began;
            slept = loop().counters().polled - before.polled < took / 10;
        }
        EXPECT_TRUE(slept);
    };
    run(body());
}

}  // namespace
}  // namespace spate
