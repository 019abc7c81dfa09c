// What slots that use a stream have in common: connecting, and telling why something ended.
#pragma once

#include <cstdint>
#include <optional>

#include <spate/tcp.hpp>

#include "load/worker.hpp"

namespace spate::load {

class StreamSlot : public Slot {
  public:
    explicit StreamSlot(Worker& worker) : Slot(worker) {}

    [[nodiscard]] Task<std::optional<Trouble>> prepare() override;
    /// exchange_all(), but not under the token: with it each wait of each request would enlist.
    [[nodiscard]] Task<void> run() final;
    /// Aborts the stream.
    void cut() override;

  protected:
    [[nodiscard]] virtual Task<void> exchange_all() = 0;
    /// To the next of the name's addresses; where that fails, to the others.
    [[nodiscard]] Task<std::optional<Trouble>> connect();
    /// Closes what is open. By a reset where that spares a local port its minute in TIME-WAIT.
    [[nodiscard]] Task<void> close(bool by_reset = false);
    [[nodiscard]] bool is_open() const { return stream_.has_value(); }
    [[nodiscard]] TcpStream& stream() { return *stream_; }

    /// What the kernel has received and nobody has taken.
    enum class Unread : std::uint8_t { nothing, bytes, end };
    [[nodiscard]] Unread unread() const;

    [[nodiscard]] static Trouble send_trouble(const Error& error);
    [[nodiscard]] static Trouble receive_trouble(const Error& error);

  private:
    [[nodiscard]] Task<std::optional<Trouble>> connect_at(const Address& peer);

    std::optional<TcpStream> stream_;
    bool opened_before_ = false;
};

}  // namespace spate::load
