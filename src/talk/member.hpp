// A client of a TcpHost, with what waits to be sent to it.
#pragma once

#include <string>
#include <string_view>

#include <spate/loop.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>

#include "talk/lines.hpp"
#include "talk/relay.hpp"
#include "talk/text.hpp"

namespace spate::talk {

class TcpHost::Member {
  public:
    Member(TcpStream& its_stream, std::string its_name, Duration patience, WireToText its_wire)
        : stream(its_stream),
          name(std::move(its_name)),
          activity(its_stream, patience),
          wire(std::move(its_wire)) {}

    /// Queues for sending. One that takes nothing while this much waits is cut off: it must not
    /// stall or fill the memory of the others.
    void say(std::string_view bytes) {
        constexpr std::size_t most_waiting = 1 << 20;
        waiting_ += bytes;
        if (waiting_.size() > most_waiting) stream.abort(ENOBUFS);
        more_.set();
    }

    /// Sends what is said until leave().
    [[nodiscard]] Task<void> send_all() {
        while (!leaving_) {
            if (waiting_.empty()) {
                more_.reset();
                co_await more_.wait();
                continue;
            }
            const std::string bytes = std::exchange(waiting_, {});
            auto sent = co_await stream.send(bytes);
            if (!sent) break;
            activity.sent(bytes.size());
        }
        ended_.set();
    }
    /// Waits for the end of send_all(), which the stream's end hastens.
    [[nodiscard]] Task<void> leave() {
        leaving_ = true;
        more_.set();
        co_await ended_.wait();
    }

    TcpStream& stream;
    std::string name;
    Activity activity;
    WireToText wire;
    Lines lines;

  private:
    std::string waiting_;
    Event more_;
    Event ended_;
    bool leaving_ = false;
};

}  // namespace spate::talk
