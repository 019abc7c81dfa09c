// The far end's streams.
#include <array>
#include <new>
#include <utility>

#include <spate/task_group.hpp>

#include "load/bulk.hpp"
#include "load/sink_worker.hpp"

namespace spate::load {
namespace {

constexpr auto preamble_patience = std::chrono::seconds(5);
// A thread's: beyond, who comes is turned away.
constexpr std::size_t most_streams = 4096;
// Between two counts, so that a stream that is cut off has its bytes counted but the last.
constexpr std::uint64_t counted_together = 16 << 20;

// One of those who are counted: until it ends, or there is no memory for it to go on.
class Counted {
  public:
    explicit Counted(std::size_t& count, Condition* ended = nullptr)
        : count_(count), ended_(ended) {
        ++count_;
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
        --count_;
        if (ended_ != nullptr) ended_->notify_all();
    }

  private:
    std::size_t& count_;
    Condition* ended_;
};

}  // namespace

void SinkWorker::adopt(Fd socket) {
    if (streams_ >= most_streams || stop_.stop_requested())
        ++refused_;
    else
        try {
            loop_.spawn(serve(std::move(socket)), stop_.token());
        } catch (const std::bad_alloc&) {
            ++refused_;
        }
}

// Where there is no memory for a stream, it goes.
Task<void> SinkWorker::serve(Fd socket) {
    TcpStream stream(loop_, std::move(socket));
    try {
        const Counted counted(streams_);
        co_await attend(stream);
    } catch (const std::bad_alloc&) {
        ++refused_;
    }
    co_await stream.close();
}

Task<void> SinkWorker::attend(TcpStream& stream) {
    stream.set_deadline(later(loop_.now(), preamble_patience));
    std::array<std::byte, preamble_bytes> memory;
    const std::span<std::byte> room(memory);
    auto got = co_await stream.receive_into(room, true);
    const auto preamble = read_preamble(room.first(got.value_or(0)));
    Shared part = preamble ? find(preamble->run) : nullptr;
    // Twice as many as there may be: one that was broken is replaced before we hear of its end.
    const bool fits = part && part->run->hello.kind == Kind::tcp_stream &&
                      preamble->direction == part->run->hello.direction && !part->stopping &&
                      part->streams < 2 * std::size_t{part->run->hello.flows};
    if (fits) {
        const StopToken over = part->over.token();
        auto carrying = with_stop(over, carry(stream, std::move(part), preamble->flow));
        co_await carrying;
    } else {
        ++refused_;
    }
}

Task<void> SinkWorker::carry(TcpStream& stream, Shared part, std::uint32_t flow) {
    const Direction direction = part->run->hello.direction;
    stream.set_deadline(no_deadline);
    const Counted counted(part->streams);
    if (direction == Direction::both) {
        TaskGroup halves(loop_, part->over.token());
        halves.spawn(receive_stream(stream, part));
        halves.spawn(send_stream(stream, part, flow));
        (void)co_await halves.join();
    } else if (direction == Direction::send) {
        co_await receive_stream(stream, part);
    } else {
        co_await send_stream(stream, part, flow);
        // The client closes when it has everything.
        co_await stream.discard(UINT64_MAX);
    }
}

Task<void> SinkWorker::receive_stream(TcpStream& stream, Shared part) {
    const Counted counted(part->receiving, &part->moved);
    for (;;) {
        auto got = co_await stream.discard(counted_together);
        if (!got || *got == 0) break;
        part->counts.bytes_received += *got;
    }
}

Task<void> SinkWorker::send_stream(TcpStream& stream, Shared part, std::uint32_t flow) {
    const Hello& hello = part->run->hello;
    const Counted counted(part->sending, &part->moved);
    co_await part->started.wait();
    Pacer pacer(hello, flow, part->start_at);
    while (!part->stopping) {
        const std::size_t count = pacer.due(Clock::now(), messages_together(hello.message_bytes));
        if (count == 0) {
            const TimePoint next = pacer.next();
            co_await clock_.until(next);
            continue;
        }
        auto sent = co_await send_bulk(stream, count * hello.message_bytes);
        if (!sent) break;
        part->counts.messages_sent += count;
        part->counts.bytes_sent += count * hello.message_bytes;
    }
    stream.finish_sending();
}

}  // namespace spate::load
