// A client of a TcpHost, with what waits to be sent to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <spate/condition.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>

#include "talk/lines.hpp"
#include "talk/relay.hpp"
#include "talk/text.hpp"

namespace spate::talk {

class TcpHost::Member {
  public:
    /// `changed` is notified whenever it has taken what waited.
    Member(TcpStream& its_stream, std::string its_name, Duration patience, WireToText its_wire,
           Condition& changed)
        : stream(its_stream),
          name(std::move(its_name)),
          activity(its_stream, patience),
          wire(std::move(its_wire)),
          changed_(changed) {}

    /// Queues for sending.
    void say(std::string_view bytes) {
        if (stream.aborted() != 0) return;
        waiting_ += bytes;
        more_.notify_all();
    }
    /// Enough waits; who speaks is to wait as well.
    [[nodiscard]] bool full() const {
        constexpr std::size_t enough = 1 << 20;
        return waiting_.size() > enough;
    }
    /// Whether it has taken anything since this was asked last.
    [[nodiscard]] bool took_something() {
        const std::uint64_t before = std::exchange(taken_, stream.acknowledged());
        return taken_ != before;
    }
    /// For one that takes nothing: it must neither stall the others nor fill the memory.
    void cut_off() {
        waiting_.clear();
        stream.abort(ENOBUFS);
    }

    /// Sends what is said, until the stream fails or this is stopped.
    [[nodiscard]] Task<void> send_all() {
        for (;;) {
            while (waiting_.empty()) {
                const bool notified = co_await more_.wait();
                if (!notified) co_return;
            }
            const std::string bytes = std::exchange(waiting_, {});
            changed_.notify_all();
            auto sent = co_await stream.send(bytes);
            if (!sent) co_return;
            activity.sent(bytes.size());
        }
    }

    TcpStream& stream;
    std::string name;
    Activity activity;
    WireToText wire;
    Lines lines;

  private:
    Condition& changed_;
    std::string waiting_;
    Condition more_;
    std::uint64_t taken_ = 0;
};

}  // namespace spate::talk
