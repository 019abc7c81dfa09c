// Being stopped at any moment, on a kernel whose cancellations come early, late, or in vain.
#include <poll.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "sim_test.hpp"

namespace spate::sim {
namespace {

using namespace std::chrono_literals;

// Descriptors of this process.
std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// Bytes that somebody writes at random moments, and that coroutines read.
class Pipe {
  public:
    Pipe() {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        from_ = Fd(ends[0]);
        to_ = Fd(ends[1]);
    }
    void write(std::size_t count) {
        const std::string bytes(count, 'x');
        EXPECT_EQ(::write(to_.get(), bytes.data(), count), static_cast<ssize_t>(count));
        written_ += count;
    }
    [[nodiscard]] int fd() const { return from_.get(); }
    void count(std::size_t read) { read_ += read; }
    /// What was written has been read, or is still there.
    void expect_nothing_lost() {
        std::string rest(65536, '\0');
        const ssize_t left = ::read(from_.get(), rest.data(), rest.size());
        EXPECT_EQ(written_, read_ + static_cast<std::size_t>(std::max<ssize_t>(left, 0)));
    }

  private:
    Fd from_;
    Fd to_;
    std::size_t written_ = 0;
    std::size_t read_ = 0;
};

// One of everything that can wait, each waiting again and again until it is stopped.
class World {
  public:
    World(Loop& loop, RandomFaults& random, std::uint64_t seed)
        : loop_(loop),
          random_(random),
          address_(*Address::parse(test::abstract_address("stop"))),
          listener_(loop, *listen_on(address_, {.backlog = 1}), seed % 2 == 0),
          pair_(test::local_pair()),
          stream_(loop, std::move(pair_.near)) {}

    /// Until stopped. What fails stops nothing here: each has its own reason to end.
    Task<Result<void>> run() {
        TaskGroup group(loop_);
        group.spawn(read());
        group.spawn(read_in_time());
        group.spawn(poll_and_read());
        group.spawn(receive_in_time());
        group.spawn(accept());
        group.spawn(connect());
        group.spawn(sleep());
        group.spawn(race());
        group.spawn(produce());
        group.spawn(consume());
        group.spawn(hold());
        group.spawn(hold());
        group.spawn(nest(3));
        auto ended = co_await group.join();
        co_return ended;
    }

    // Something that somebody may be waiting for.
    void happen() {
        switch (random_.below(6)) {
            case 0:
                pipe_.write(1 + random_.below(20));
                break;
            case 1:
                polled_.write(1);
                break;
            case 2:
                knock();
                break;
            case 3:
                changed_.notify_one();
                break;
            case 4:
                changed_.notify_all();
                break;
            case 5:
                sent_ += 10;
                EXPECT_EQ(::send(pair_.far.get(), "ten bytes!", 10, 0), 10);
                break;
        }
    }

    Task<void> close() {
        co_await listener_.close();
        clients_.clear();
        while (received_ != sent_) {
            auto got = co_await stream_.receive();
            EXPECT_TRUE(got && !got->empty()) << "what was sent is lost";
            if (!got || got->empty()) break;
            received_ += got->size();
        }
        co_await stream_.close();
        pipe_.expect_nothing_lost();
        polled_.expect_nothing_lost();
        EXPECT_EQ(turns_.free(), 1U);
        EXPECT_EQ(next_popped_ + channel_.size(), next_pushed_);
    }

  private:
    Task<void> read() {
        std::byte bytes[8];
        for (;;) {
            auto got = co_await read_at(loop_, pipe_.fd(), bytes, 0);
            if (!got) break;
            pipe_.count(*got);
        }
    }
    Task<Result<std::size_t>> read_once(Pipe& pipe) {
        std::byte bytes[8];
        auto got = co_await read_at(loop_, pipe.fd(), bytes, 0);
        if (got) pipe.count(*got);
        co_return got;
    }
    Task<void> read_in_time() {
        for (;;) {
            auto limited = with_timeout(loop_, 1ms, read_once(pipe_));
            auto got = co_await limited;
            if (!got && got.error().code != ETIMEDOUT) break;
        }
    }
    Task<Result<void>> receive() {
        auto got = co_await stream_.receive();
        if (!got) co_return std::unexpected(got.error());
        received_ += got->size();
        if (random_.below(3) == 0) co_await loop_.yield();
        co_return Result<void>{};
    }
    Task<void> receive_in_time() {
        for (;;) {
            auto limited = with_timeout(loop_, 1ms, receive());
            auto got = co_await limited;
            if (!got && got.error().code != ETIMEDOUT) break;
        }
    }
    Task<void> poll_and_read() {
        for (;;) {
            auto ready = co_await poll(loop_, polled_.fd(), POLLIN);
            if (!ready) break;
            std::byte byte;
            if (::read(polled_.fd(), &byte, 1) == 1) polled_.count(1);
        }
    }
    Task<void> accept() {
        for (;;) {
            auto socket = co_await listener_.accept();
            if (!socket) break;
        }
    }
    Task<void> connect() {
        for (;;) {
            auto connecting = spate::connect(loop_, address_, 1h);
            auto connected = co_await connecting;
            if (!connected) break;
            co_await loop_.yield();
        }
    }
    Task<void> sleep() {
        for (bool slept = true; slept;)
            slept = co_await loop_.sleep_for(1ms);
    }
    Task<Result<void>> change() {
        const bool notified = co_await changed_.wait();
        if (!notified) co_return fail(ECANCELED, "wait");
        co_return Result<void>{};
    }
    Task<void> race() {
        for (;;) {
            auto racing = when_any(change(), read_once(pipe_));
            auto first = co_await racing;
            const bool failed = first.index() == 0 ? !std::get<0>(first) : !std::get<1>(first);
            if (failed) break;
        }
    }
    Task<void> produce() {
        for (;;) {
            int value = next_pushed_;
            auto pushed = co_await channel_.push(std::move(value));
            if (!pushed) break;
            ++next_pushed_;
        }
    }
    Task<void> consume() {
        for (;;) {
            auto value = co_await channel_.pop();
            if (!value) break;
            EXPECT_EQ(*value, next_popped_++);
            auto changed = co_await change();
            if (!changed) break;
        }
    }
    Task<void> hold() {
        for (;;) {
            auto permit = co_await turns_.acquire();
            if (!permit) break;
            auto changed = co_await change();
            if (!changed) break;
        }
    }
    Task<Result<void>> nest(int depth) {
        TaskGroup group(loop_);
        group.spawn(read());
        if (depth != 0) group.spawn(nest(depth - 1));
        auto changed = co_await change();
        auto all = when_all(change(), change());
        (void)co_await all;
        group.request_stop();
        auto ended = co_await group.join();
        co_return ended;
    }
    // A client from outside of the loop.
    void knock() {
        Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::connect(client.get(), address_.data(), address_.size()) == 0)
            clients_.push_back(std::move(client));
    }

    Loop& loop_;
    RandomFaults& random_;
    Address address_;
    TcpListener listener_;
    test::Pair pair_;
    TcpStream stream_;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    Pipe pipe_;
    Pipe polled_;
    Condition changed_;
    Semaphore turns_{1};
    Channel<int> channel_{3};
    int next_pushed_ = 0;
    int next_popped_ = 0;
    std::vector<Fd> clients_;
};

class SimStop : public SimTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(SimStop, EndsEveryWaitAndLosesNothing) {
    const std::ptrdiff_t before = open_descriptors();
    RandomFaults faults(GetParam());
    simulate(faults, [&]() -> Task<void> {
        World world(loop(), faults, GetParam());
        StopSource source;
        Event ended;
        auto running = [&]() -> Task<void> {
            auto result = co_await world.run();
            EXPECT_TRUE(result || result.error().code == ECANCELED);
            ended.set();
        };
        loop().spawn(running(), source.token());
        for (std::size_t turns = faults.below(120); turns != 0; --turns) {
            world.happen();
            co_await loop().yield();
        }
        source.request_stop();
        for (std::size_t turns = faults.below(10); turns != 0; --turns) {
            if (!ended.is_set()) world.happen();
            co_await loop().yield();
        }
        co_await ended.wait();
        co_await world.close();
    });
    EXPECT_EQ(open_descriptors(), before) << "a descriptor leaked";
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimStop, ::testing::Range<std::uint64_t>(1, seeds() + 1));

}  // namespace
}  // namespace spate::sim
