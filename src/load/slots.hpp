// The kinds of connection that a load is made of.
#pragma once

#include <cstddef>
#include <memory>

#include "load/worker.hpp"

namespace spate::load {

/// The connection with this number, of the kind that the worker's plan names.
[[nodiscard]] std::unique_ptr<Slot> make_slot(Worker& worker, std::size_t number);

[[nodiscard]] std::unique_ptr<Slot> make_http_slot(Worker& worker, std::size_t number);
/// Sends a message and waits until as many bytes have come back.
[[nodiscard]] std::unique_ptr<Slot> make_echo_slot(Worker& worker);
/// Connects and closes: a request is a connection.
[[nodiscard]] std::unique_ptr<Slot> make_connect_slot(Worker& worker);
/// Sends or receives without end, or both: a request is a message.
[[nodiscard]] std::unique_ptr<Slot> make_bulk_slot(Worker& worker, std::size_t number);
/// Sends a datagram and waits for it to come back.
[[nodiscard]] std::unique_ptr<Slot> make_datagram_slot(Worker& worker, std::size_t number);
/// Sends datagrams without end, receives them, or both.
[[nodiscard]] std::unique_ptr<Slot> make_flow_slot(Worker& worker, std::size_t number);

}  // namespace spate::load
