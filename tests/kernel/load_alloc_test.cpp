// A load allocates nothing per exchange once it has warmed up, so that an hour of it costs the
// memory of a minute. A program of its own: it counts every operator new.
#include <string>
#include <vector>

#include "counted_new.hpp"
#include "kernel_test.hpp"
#include "load/worker.hpp"

namespace spate::load {
namespace {

using namespace std::chrono_literals;

class LoadAllocationTest : public spate::test::LoopTest {
  protected:
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__)
        GTEST_SKIP() << "frames are not pooled under the sanitizer, it shall see their ends";
#endif
        LoopTest::SetUp();
    }

    // Answers whatever is asked until the peer goes away.
    Task<void> answer(Fd socket, std::string_view response) {
        TcpStream stream(loop(), std::move(socket));
        for (;;) {
            auto got = co_await stream.receive();
            if (!got || got->empty()) break;
            got->reset();
            auto sent = co_await stream.send(response);
            if (!sent) break;
            count_exchange();
        }
        co_await stream.close();
    }

    Task<void> serve(TcpListener& listener, std::string_view response, unsigned connections) {
        for (; connections > 0; --connections) {
            auto accepted = co_await listener.accept();
            EXPECT_TRUE(accepted);
            loop().spawn(answer(std::move(*accepted), response));
        }
        co_await listener.close();
    }

    // The first tenth warms up; ends the run after the last.
    void count_exchange() {
        ++exchanges_;
        if (exchanges_ == rounds / 10) before_ = spate::test::allocations;
        if (exchanges_ != rounds) return;
        allocated_ = spate::test::allocations - before_;
        worker_->cut();
    }

    // Runs `plan` against a server that always gives `response`.
    void expect_none(Plan plan, const std::string& response) {
        const auto local = Address::parse("127.0.0.1:0");
        auto socket = listen_on(*local);
        plan.addresses = {*Address::of_local(socket->get())};
        plan.connections = 4;
        plan.http = {HttpRequest{.bytes = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", .method = "GET"}};
        TcpListener listener(loop(), std::move(*socket));
        worker_.emplace(loop(), plan, 0);
        auto body = [&]() -> Task<void> {
            loop().spawn(serve(listener, response, plan.connections));
            Worker::News news;
            news.connected = [&] {
                const TimePoint now = Clock::now();
                worker_->start(now, now, no_deadline);
            };
            auto running = worker_->run(std::move(news));
            co_await running;
        };
        run(body());
        EXPECT_EQ(allocated_, 0U) << "in " << rounds << " exchanges";
        const Totals totals = worker_->take_tally().totals;
        EXPECT_GE(totals.ok, rounds - plan.connections);
        EXPECT_EQ(totals.net_error + totals.http_error + totals.timeout, 0U);
        EXPECT_EQ(totals.planned, totals.accounted());
        worker_.reset();
    }

    static constexpr std::size_t rounds = 4000;

  private:
    std::optional<Worker> worker_;
    std::size_t exchanges_ = 0;
    std::size_t before_ = 0;
    std::size_t allocated_ = 0;
};

std::string response_of(std::size_t body_bytes) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n" +
           std::string(body_bytes, 'b');
}

TEST_F(LoadAllocationTest, BodiesThatComeWithTheirHeads) {
    expect_none({}, response_of(1000));
}

TEST_F(LoadAllocationTest, BodiesThatAreThrownAwayInTheKernel) {
    expect_none({}, response_of(100'000));
}

TEST_F(LoadAllocationTest, BodiesInChunks) {
    expect_none({}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

TEST_F(LoadAllocationTest, AnOpenLoop) {
    Plan plan;
    plan.rate = RateShape::constant(20'000);
    plan.poisson = true;
    expect_none(plan, response_of(1000));
}

}  // namespace
}  // namespace spate::load
