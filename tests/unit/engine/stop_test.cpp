#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spate/stop.hpp>
#include <spate/task.hpp>

namespace spate {
namespace {

// Calls a function when it is asked to stop.
struct Caller : StopWaiter {
    explicit Caller(std::function<void()> what) : function(std::move(what)) {}
    static void called(StopWaiter& waiter) { static_cast<Caller&>(waiter).function(); }
    bool enlist_with(StopToken token) { return enlist(token, &called); }
    std::function<void()> function;
};

TEST(StopTest, NoTokenIsNeverAskedToStop) {
    const StopToken none;
    EXPECT_FALSE(none.can_stop());
    EXPECT_FALSE(none.stop_requested());
    Caller caller([] { FAIL(); });
    EXPECT_TRUE(caller.enlist_with(none));
}

TEST(StopTest, AllWhoWaitAreCalledOnceInTheOrderInWhichTheyCame) {
    StopSource source;
    std::string order;
    Caller a([&] { order += 'a'; });
    Caller b([&] { order += 'b'; });
    Caller c([&] { order += 'c'; });
    for (Caller* each : {&b, &a, &c})
        EXPECT_TRUE(each->enlist_with(source.token()));
    source.request_stop();
    source.request_stop();
    EXPECT_EQ(order, "bac");
}

TEST(StopTest, ItIsALevel) {
    StopSource source;
    const StopToken token = source.token();
    EXPECT_TRUE(token.can_stop());
    EXPECT_FALSE(token.stop_requested());
    source.request_stop();
    EXPECT_TRUE(token.stop_requested());
    Caller late([] { FAIL() << "who comes late is told by enlist()"; });
    EXPECT_FALSE(late.enlist_with(token));
}

TEST(StopTest, WhoHasLeftOrDiedIsNotCalled) {
    StopSource source;
    int called = 0;
    const auto count = [&] { ++called; };
    Caller left(count);
    Caller back(count);
    auto died = std::make_unique<Caller>(count);
    for (Caller* each : {&left, &back, died.get()})
        EXPECT_TRUE(each->enlist_with(source.token()));
    left.leave();
    left.leave();
    back.leave();
    EXPECT_TRUE(back.enlist_with(source.token()));
    died.reset();
    source.request_stop();
    EXPECT_EQ(called, 1);
}

TEST(StopTest, ACallbackMayDestroyAnyWaiter) {
    for (std::size_t first = 0; first < 4; ++first)
        for (std::size_t killed = 0; killed < 4; ++killed) {
            StopSource source;
            std::vector<std::unique_ptr<Caller>> callers(4);
            std::size_t called = 0;
            for (std::size_t index = 0; index < callers.size(); ++index) {
                callers[index] = std::make_unique<Caller>([&, index] {
                    ++called;
                    if (index == first) callers[killed].reset();
                });
                EXPECT_TRUE(callers[index]->enlist_with(source.token()));
            }
            source.request_stop();
            EXPECT_EQ(called, killed > first ? 3U : 4U);
        }
}

TEST(StopTest, AParentStopsItsChildrenAndNotTheOtherWayRound) {
    StopSource parent;
    StopSource child(parent.token());
    StopSource grandchild(child.token());
    StopSource sibling(parent.token());
    child.request_stop();
    EXPECT_TRUE(grandchild.stop_requested());
    EXPECT_FALSE(sibling.stop_requested());
    EXPECT_FALSE(parent.stop_requested());
    {
        StopSource dies_first(parent.token());
    }
    parent.request_stop();
    EXPECT_TRUE(sibling.stop_requested());
    const StopSource late(parent.token());
    EXPECT_TRUE(late.stop_requested());
}

TEST(StopDeathTest, ASourceMustOutliveWhoWaits) {
    const auto violate = [] {
        Caller caller([] {});
        StopSource source;
        (void)caller.enlist_with(source.token());
    };
    EXPECT_DEATH(violate(), "spate: a StopSource was destroyed while something waits under it");
}

// Begins a task under a token, as Loop::spawn() does.
template <typename T>
detail::Detached begin(StopToken, std::optional<T>& result, Task<T> task) {
    result.emplace(co_await task);
}

Task<bool> asked() {
    const StopToken stop = co_await current_stop();
    co_return stop.stop_requested();
}

Task<std::string> tree() {
    std::string said;
    const auto say = [&](bool stopped) { said += stopped ? 'S' : '-'; };
    auto child = asked();
    say(co_await child);
    auto shielded = shield(asked());
    say(co_await shielded);
    StopSource own;
    own.request_stop();
    auto under_own = with_stop(own.token(), asked());
    say(co_await under_own);
    auto nested = shield(with_stop(own.token(), asked()));
    say(co_await nested);
    say(co_await asked());
    co_return said;
}

TEST(StopTest, TasksHandTheirTokenDownAndMayReplaceIt) {
    StopSource source;
    std::optional<std::string> said;
    begin(source.token(), said, tree());
    EXPECT_EQ(said, "--SS-");
    source.request_stop();
    begin(source.token(), said, tree());
    EXPECT_EQ(said, "S-SSS");
    begin({}, said, tree());
    EXPECT_EQ(said, "--SS-");
}

}  // namespace
}  // namespace spate
