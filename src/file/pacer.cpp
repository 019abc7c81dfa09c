#include <algorithm>
#include <cmath>

#include <spate/file.hpp>

namespace spate {
namespace {

constexpr auto longest_nap = std::chrono::seconds(1);

}  // namespace

double Pacer::burst() const {
    return std::max(static_cast<double>(rate_) / 10, 1024.0);
}

std::size_t Pacer::take(TimePoint now, std::size_t wanted) {
    if (unlimited()) return wanted;
    if (!started_) {
        started_ = true;
        filled_ = now;
        tokens_ = burst();
    }
    const std::chrono::duration<double> passed = now - filled_;
    tokens_ = std::min(burst(), tokens_ + passed.count() * static_cast<double>(rate_));
    filled_ = now;
    // Nothing rather than crumbs: many small sends cost more than one late one.
    const double least = std::min(burst() / 2, static_cast<double>(wanted));
    if (tokens_ < least) return 0;
    const std::size_t granted = std::min(wanted, static_cast<std::size_t>(tokens_));
    tokens_ -= static_cast<double>(granted);
    taken_ += granted;
    return granted;
}

void Pacer::give_back(std::size_t bytes) {
    if (unlimited()) return;
    tokens_ += static_cast<double>(bytes);
    taken_ -= bytes;
}

TimePoint Pacer::ready_at(TimePoint now) const {
    const double lacking = burst() / 2 - tokens_;
    if (unlimited() || lacking <= 0) return now;
    const std::chrono::duration<double> wait(lacking / static_cast<double>(rate_));
    return now + std::chrono::ceil<std::chrono::milliseconds>(wait);
}

Task<Result<std::size_t>> pace(TcpStream& stream, std::size_t wanted, Pacer* stream_pacer,
                               Pacer* shared_pacer, Duration stall_limit) {
    Loop& loop = stream.loop();
    std::size_t granted = wanted;
    Pacer* earlier = nullptr;
    Pacer* const pacers[] = {stream_pacer, shared_pacer};
    if (wanted == 0) co_return wanted;
    for (Pacer* pacer : pacers) {
        if (pacer == nullptr || pacer->unlimited()) continue;
        std::size_t got = pacer->take(loop.now(), granted);
        while (got == 0) {
            stream.set_deadline(no_deadline);
            // In naps, so that an abort is noticed: at a few bytes a second the wait is long.
            const TimePoint ready = std::min(pacer->ready_at(loop.now()), loop.now() + longest_nap);
            const bool slept = co_await loop.sleep_until(ready);
            if (!slept) co_return fail(ECANCELED, "send");
            if (stream.aborted() != 0) co_return fail(stream.aborted(), "send");
            stream.set_stall_limit(stall_limit);
            got = pacer->take(loop.now(), granted);
        }
        if (earlier != nullptr) earlier->give_back(granted - got);
        granted = got;
        earlier = pacer;
    }
    co_return granted;
}

}  // namespace spate
