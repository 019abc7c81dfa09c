#include "load/process_time.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace spate::load {
namespace {

constexpr std::int64_t some_work_ns = 20'000'000;

/// A child process that does `what`, killed at the end, or when its parent is.
class Child {
  public:
    template <typename What>
    explicit Child(What what) : pid_(::fork()) {
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        what();
        ::_exit(0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { end(); }
    void end() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    [[nodiscard]] int pid() const { return pid_; }

  private:
    int pid_;
};

void spin() {
    for (std::atomic<unsigned> turns = 0;;)
        ++turns;
}

std::int64_t total_of(int pid) {
    const auto cpu = process_cpu(pid);
    EXPECT_TRUE(cpu) << cpu.error();
    return cpu ? cpu->total_ns() : 0;
}

// Until it has worked for so long; what it says never goes back.
void expect_to_grow(int pid) {
    std::int64_t last = total_of(pid);
    const std::int64_t enough = last + some_work_ns;
    while (last < enough && !testing::Test::HasFailure()) {
        const std::int64_t now = total_of(pid);
        EXPECT_GE(now, last);
        last = now;
    }
}

TEST(ProcessTimeTest, OursGrowsWithWork) {
    const CpuInfo before = own_cpu();
    CpuInfo now = before;
    while (now.total_ns() - before.total_ns() < some_work_ns) {
        const CpuInfo next = own_cpu();
        EXPECT_GE(next.user_ns, now.user_ns);
        EXPECT_GE(next.system_ns, now.system_ns);
        now = next;
    }
    EXPECT_GT(total_of(::getpid()), some_work_ns / 2) << "by the scheduler's figures too";
}

TEST(ProcessTimeTest, OfAChildThatSpins) {
    const Child child(spin);
    expect_to_grow(child.pid());
}

TEST(ProcessTimeTest, OfTheThreadsAndDescendantsOfAChildThatSleeps) {
    const Child with_thread([] {
        std::thread(spin).detach();
        for (;;)
            ::pause();
    });
    expect_to_grow(with_thread.pid());
    const Child with_child([] {
        const Child grandchild(spin);
        for (;;)
            ::pause();
    });
    expect_to_grow(with_child.pid());
}

// Works for so long, by the calling thread's clock.
void work_for(std::int64_t ns) {
    timespec now{};
    do {
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while (now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec < ns);
}

/// Says "done", and waits for the other side to hear it.
class Pipe {
  public:
    Pipe() { EXPECT_EQ(::pipe(ends_), 0); }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    void say() const { EXPECT_EQ(::write(ends_[1], "!", 1), 1); }
    void hear() const {
        char said = 0;
        EXPECT_EQ(::read(ends_[0], &said, 1), 1);
    }

  private:
    int ends_[2]{};
};

TEST(ProcessTimeTest, OfAThreadThatHasEnded) {
    const Pipe pipe;
    const Child child([&pipe] {
        std::thread([] { work_for(some_work_ns); }).join();
        pipe.say();
        for (;;)
            ::pause();
    });
    pipe.hear();
    EXPECT_GE(total_of(child.pid()), some_work_ns);
}

TEST(ProcessTimeTest, OfAChildThatHasEnded) {
    constexpr std::int64_t tick_ns = 10'000'000;  // What the kernel rounds to.
    const Pipe pipe;
    const Child child([&pipe] {
        const int grandchild = ::fork();
        if (grandchild == 0) {
            work_for(3 * some_work_ns);
            ::_exit(0);
        }
        ::waitpid(grandchild, nullptr, 0);
        pipe.say();
        for (;;)
            ::pause();
    });
    pipe.hear();
    EXPECT_GE(total_of(child.pid()), 3 * some_work_ns - 2 * tick_ns);
}

TEST(ProcessTimeTest, OfNoProcessIsAnError) {
    Child child([] { ::pause(); });
    const int pid = child.pid();
    child.end();
    for (const int each : {pid, 0, -1, 1 << 30}) {
        const auto cpu = process_cpu(each);
        ASSERT_FALSE(cpu) << each;
        EXPECT_EQ(cpu.error(), "there is no process " + std::to_string(each));
    }
}

TEST(ProcessTimeTest, ThreadsThatEndMeanwhileAreNoTrouble) {
    const Child child([] {
        for (;;)
            std::thread([] {}).join();
    });
    for (int look = 0; look < 2000; ++look)
        ASSERT_TRUE(process_cpu(child.pid()));
}

TEST(ProcessTimeTest, TheMachinesTimeGoesOn) {
    const MachineTime before = machine_time();
    EXPECT_GT(before.total_ticks, 0);
    EXPECT_GE(before.steal_ticks, 0);
    MachineTime now = before;
    while (now.total_ticks <= before.total_ticks)  // Waiting for disks may count backwards.
        now = machine_time();
    EXPECT_GT(now.total_ticks, before.total_ticks);
    EXPECT_GE(now.steal_ticks, before.steal_ticks);
    if (before.pressure_us) {
        EXPECT_GE(now.pressure_us, before.pressure_us);
    }
}

TEST(ProcessTimeTest, StealAndPressureAreSharesOfTheTimeBetween) {
    const MachineTime before{.total_ticks = 1000, .steal_ticks = 10, .pressure_us = 5000};
    EXPECT_EQ(steal_between(before, {.total_ticks = 1400, .steal_ticks = 110}), 0.25);
    EXPECT_EQ(steal_between(before, before), 0) << "no time, no share";
    EXPECT_EQ(pressure_between(before, {.pressure_us = 505'000}, 2'000'000'000), 0.25);
    EXPECT_EQ(pressure_between(before, {.pressure_us = 505'000}, 0), std::nullopt);
    EXPECT_EQ(pressure_between(before, {}, 1), std::nullopt) << "a kernel that does not tell";
    EXPECT_EQ(pressure_between({}, before, 1), std::nullopt);
}

TEST(ProcessTimeTest, TheHostIsDescribed) {
    RunInfo run;
    describe_host(run);
    EXPECT_TRUE(run.kernel.starts_with("Linux ")) << run.kernel;
    EXPECT_GE(run.processors, 1U);
}

}  // namespace
}  // namespace spate::load
