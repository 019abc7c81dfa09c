#include "load/slots.hpp"
namespace spate::load {
std::unique_ptr<Slot> make_bulk_slot(Worker& worker) { return make_echo_slot(worker); }
std::unique_ptr<Slot> make_flow_slot(Worker& worker, std::size_t n) { return make_datagram_slot(worker, n); }
std::string_view dummy();
}
