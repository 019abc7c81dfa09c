// A limit to a wait for an event.
#pragma once

#include <spate/loop.hpp>
#include <spate/timer.hpp>

namespace spate::talk {

/// Sets an event when time is up, so that who waits for it looks around.
class Alarm : public Timer {
  public:
    Alarm(Loop& loop, Event& event) : Timer(&rang), loop_(loop), event_(event) {}
    Alarm(Loop& loop, Event& event, Duration patience) : Alarm(loop, event) { set(patience); }

    /// Begins anew.
    void set(Duration patience) {
        over_ = false;
        loop_.timers().arm(*this, later(loop_.now(), patience));
    }
    [[nodiscard]] bool is_over() const { return over_; }

  private:
    static void rang(Timer& timer) {
        auto& alarm = static_cast<Alarm&>(timer);
        alarm.over_ = true;
        alarm.event_.set();
    }
    Loop& loop_;
    Event& event_;
    bool over_ = false;
};

}  // namespace spate::talk
