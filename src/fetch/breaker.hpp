// Breaking off what a download waits for.
#pragma once

#include <vector>

#include <spate/loop.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>
#include <spate/timer.hpp>

namespace spate::fetch {

/// Knows the streams in use and the pauses being made, and ends them all at once, for good or
/// for one round.
class Breaker {
  public:
    explicit Breaker(Loop& loop) : loop_(loop) {}
    Breaker(const Breaker&) = delete;
    Breaker& operator=(const Breaker&) = delete;

    /// Everything under way fails with ECANCELED, pauses end.
    void trip();
    [[nodiscard]] bool tripped() const { return tripped_; }
    /// For another round.
    void reset() { tripped_ = false; }

    /// A stream that trip() aborts, while this lives.
    class Hold {
      public:
        Hold(Breaker& breaker, TcpStream& stream);
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold();

      private:
        Breaker& breaker_;
        TcpStream& stream_;
    };

    /// Sleeps, unless tripped.
    [[nodiscard]] Task<void> pause_until(TimePoint when);

  private:
    class Alarm : public Timer {
      public:
        Alarm() : Timer(&ring) {}
        Event event;

      private:
        static void ring(Timer& timer) { static_cast<Alarm&>(timer).event.set(); }
    };

    Loop& loop_;
    bool tripped_ = false;
    std::vector<TcpStream*> streams_;
    std::vector<Alarm*> alarms_;
};

}  // namespace spate::fetch
