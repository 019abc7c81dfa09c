// What slots that use a stream have in common: connecting, and telling why something ended.
#pragma once

#include <optional>

#include <spate/tcp.hpp>

#include "load/worker.hpp"

namespace spate::load {

class StreamSlot : public Slot {
  public:
    explicit StreamSlot(Worker& worker) : Slot(worker) {}

    [[nodiscard]] Task<std::optional<Trouble>> prepare() override;
    void cut() override;

  protected:
    [[nodiscard]] Task<std::optional<Trouble>> connect();
    /// Closes what is open. By a reset where that spares a local port its minute in TIME-WAIT.
    [[nodiscard]] Task<void> close(bool by_reset = false);
    [[nodiscard]] bool is_open() const { return stream_.has_value(); }
    [[nodiscard]] TcpStream& stream() { return *stream_; }

    [[nodiscard]] static Trouble send_trouble(const Error& error);
    [[nodiscard]] static Trouble receive_trouble(const Error& error);

  private:
    std::optional<TcpStream> stream_;
    bool opened_before_ = false;
};

}  // namespace spate::load
