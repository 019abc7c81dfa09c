#include "load/slots.hpp"

#include <utility>

namespace spate::load {

const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::http:
            return "http";
        case Kind::tcp_echo:
            return "tcp-echo";
        case Kind::tcp_connect:
            return "tcp-connect";
        case Kind::tcp_stream:
            return "tcp-stream";
        case Kind::udp_echo:
            return "udp-echo";
        case Kind::udp_stream:
            return "udp-stream";
    }
    std::unreachable();
}

std::unique_ptr<Slot> make_slot(Worker& worker, std::size_t number) {
    switch (worker.plan().kind) {
        case Kind::http:
            return make_http_slot(worker, number);
        case Kind::tcp_echo:
            return make_echo_slot(worker);
        case Kind::tcp_connect:
            return make_connect_slot(worker);
        case Kind::tcp_stream:
            return make_bulk_slot(worker, number);
        case Kind::udp_echo:
            return make_datagram_slot(worker, number);
        case Kind::udp_stream:
            return make_flow_slot(worker, number);
    }
    std::unreachable();
}

}  // namespace spate::load
