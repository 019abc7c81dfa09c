#include "fetch/breaker.hpp"

#include <cerrno>

namespace spate::fetch {

void Breaker::trip() {
    tripped_ = true;
    for (TcpStream* const stream : streams_)
        stream->abort(ECANCELED);
    for (Alarm* const alarm : alarms_)
        alarm->event.set();
}

Breaker::Hold::Hold(Breaker& breaker, TcpStream& stream) : breaker_(breaker), stream_(stream) {
    breaker_.streams_.push_back(&stream_);
    if (breaker_.tripped()) stream_.abort(ECANCELED);
}

Breaker::Hold::~Hold() {
    std::erase(breaker_.streams_, &stream_);
}

Task<void> Breaker::pause_until(TimePoint when) {
    if (tripped_) co_return;
    Alarm alarm;
    loop_.timers().arm(alarm, when);
    alarms_.push_back(&alarm);
    co_await alarm.event.wait();
    std::erase(alarms_, &alarm);
}

}  // namespace spate::fetch
