#include "load/control_message.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "term/escape.hpp"

namespace spate::load {
namespace {

using Json = nlohmann::json;
using Refused = std::unexpected<std::string>;

constexpr int version = 2;
constexpr const char* version_key = "spate_load";
constexpr const char* at_once = "at_once";
constexpr std::string_view directions[] = {"send", "receive", "both"};
constexpr std::string_view orders[] = {"start", "start-measured", "measure", "stop"};
// Beyond it a double is no integer any more, and nobody sends as fast.
constexpr double most_rate = 1e12;
constexpr std::uint64_t most_slices = 1 << 20;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::optional<Json> parse(std::string_view line) {
    if (line.size() > most_line_bytes) return std::nullopt;
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    return json;
}

std::uint64_t number(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

double real(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

template <std::size_t size>
std::optional<std::size_t> index_of(const std::string_view (&names)[size], std::string_view name) {
    for (std::size_t index = 0; index < size; ++index)
        if (names[index] == name) return index;
    return std::nullopt;
}

std::optional<std::uint64_t> hex(const std::string& digits) {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, value, 16);
    if (digits.size() != 16 || error != std::errc{} || at != end) return std::nullopt;
    return value;
}

// A far end's words, from over the network.
Refused refusal(const Json& json) {
    const std::string why = text(json, "error");
    return Refused(why.empty() ? "it does not answer as a sink does" : term::printable(why));
}

std::string check(const Hello& hello) {
    if (hello.flows == 0 || hello.flows > most_flows)
        return fmt::format("a run has 1 to {} connections", most_flows);
    if (!std::isfinite(hello.rate) || hello.rate < 0 || hello.rate > most_rate)
        return "the rate is out of range";
    if (!hello.rate_shape.empty() && !RateShape::parse(hello.rate_shape))
        return "the rate makes no sense";
    if (hello.slice >= hello.slices || hello.slices > most_slices)
        return "the slice of the rate is out of range";
    if (hello.kind == Kind::udp_stream &&
        (hello.message_bytes < datagram_head_bytes || hello.message_bytes > most_datagram_bytes))
        return fmt::format("datagrams have {} to {} bytes", datagram_head_bytes,
                           most_datagram_bytes);
    if (hello.message_bytes == 0 || hello.message_bytes > most_message_bytes)
        return "messages have 1 byte to 1 GiB";
    return "";
}

}  // namespace

FarCounts& FarCounts::operator+=(const FarCounts& other) {
    bytes_received += other.bytes_received;
    bytes_sent += other.bytes_sent;
    messages_sent += other.messages_sent;
    datagrams_numbered += other.datagrams_numbered;
    flows += other.flows;
    kernel_drops += other.kernel_drops;
    strays += other.strays;
    return *this;
}

std::string encode(const Hello& hello) {
    return dump({{version_key, version},
                 {"run", fmt::format("{:016x}", hello.run)},
                 {"kind", name_of(hello.kind)},
                 {"direction", directions[static_cast<std::size_t>(hello.direction)]},
                 {"message_bytes", hello.message_bytes},
                 {"flows", hello.flows},
                 {"rate", hello.rate},
                 {"rate_shape", hello.rate_shape},
                 {"poisson", hello.poisson},
                 {"seed", hello.seed},
                 {"slice", hello.slice},
                 {"slices", hello.slices},
                 {"segmented", hello.segmented}});
}

std::expected<Hello, std::string> read_hello(std::string_view line) {
    const auto json = parse(line);
    if (!json || !json->contains(version_key)) return Refused("not a run of spate load");
    if (number(*json, version_key) != version)
        return Refused(fmt::format("this far end speaks version {}", version));
    const auto run = hex(text(*json, "run"));
    const auto direction = index_of(directions, text(*json, "direction"));
    const std::string kind = text(*json, "kind");
    const bool tcp = kind == name_of(Kind::tcp_stream);
    if (!run || !direction || (!tcp && kind != name_of(Kind::udp_stream)))
        return Refused("a run without id, kind or direction");
    Hello hello{.run = *run,
                .kind = tcp ? Kind::tcp_stream : Kind::udp_stream,
                .direction = static_cast<Direction>(*direction),
                .message_bytes = number(*json, "message_bytes"),
                .rate = real(*json, "rate"),
                .rate_shape = text(*json, "rate_shape"),
                .poisson = json->value("poisson", Json()) == true,
                .seed = number(*json, "seed"),
                .slice = number(*json, "slice")};
    if (json->contains("slices")) hello.slices = number(*json, "slices");
    const std::uint64_t flows = number(*json, "flows");
    hello.flows = flows > most_flows ? 0 : static_cast<std::uint32_t>(flows);
    const auto segmented = json->find("segmented");
    hello.segmented = segmented == json->end() || *segmented != false;
    if (auto wrong = check(hello); !wrong.empty()) return Refused(std::move(wrong));
    return hello;
}

std::string encode(Order order) {
    // A far end that does not know of it waits.
    if (order == Order::stop_at_once) return dump({{"do", "stop"}, {at_once, true}});
    return dump({{"do", orders[static_cast<std::size_t>(order)]}});
}

std::expected<Order, std::string> read_order(std::string_view line) {
    const auto json = parse(line);
    const auto order = json ? index_of(orders, text(*json, "do")) : std::nullopt;
    if (!order) return Refused("an order that means nothing here");
    if (static_cast<Order>(*order) == Order::stop && json->value(at_once, Json()) == true)
        return Order::stop_at_once;
    return static_cast<Order>(*order);
}

std::string encode(const FarCounts& counts) {
    return dump({{"ok", true},
                 {"bytes_received", counts.bytes_received},
                 {"bytes_sent", counts.bytes_sent},
                 {"messages_sent", counts.messages_sent},
                 {"datagrams_numbered", counts.datagrams_numbered},
                 {"expected", counts.flows.expected},
                 {"received", counts.flows.received},
                 {"duplicated", counts.flows.duplicated},
                 {"reordered", counts.flows.reordered},
                 {"too_old", counts.flows.too_old},
                 {"jitter_ns", counts.flows.jitter_ns},
                 {"kernel_drops", counts.kernel_drops},
                 {"strays", counts.strays},
                 {"cpu_user_ns", counts.cpu.user_ns},
                 {"cpu_system_ns", counts.cpu.system_ns}});
}

std::string encode_refusal(std::string_view why) {
    return dump({{"error", why}});
}

std::string encode_consent() {
    return dump({{"ok", true}});
}

std::expected<void, std::string> read_consent(std::string_view line) {
    const auto json = parse(line);
    if (!json) return refusal(Json::object());
    const auto ok = json->find("ok");
    if (ok == json->end() || *ok != true) return refusal(*json);
    return {};
}

std::expected<FarCounts, std::string> read_counts(std::string_view line) {
    if (auto consent = read_consent(line); !consent) return Refused(consent.error());
    const Json json = *parse(line);
    FarCounts counts;
    counts.bytes_received = number(json, "bytes_received");
    counts.bytes_sent = number(json, "bytes_sent");
    counts.messages_sent = number(json, "messages_sent");
    counts.datagrams_numbered = number(json, "datagrams_numbered");
    counts.flows = {number(json, "expected"),  number(json, "received"), number(json, "duplicated"),
                    number(json, "reordered"), number(json, "too_old"),  real(json, "jitter_ns")};
    counts.kernel_drops = number(json, "kernel_drops");
    counts.strays = number(json, "strays");
    // A CPU that went backwards is no far end's either.
    const auto cpu = [&](const char* key) {
        return static_cast<std::int64_t>(number(json, key) & INT64_MAX);
    };
    counts.cpu = {cpu("cpu_user_ns"), cpu("cpu_system_ns")};
    return counts;
}

}  // namespace spate::load
