// Sending a file from the page cache over loopback, a core a side: blocking calls, and each of
// spate's ways. Who receives is the same for all: asks with a byte, throws the file away, asks
// again.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <thread>
#include <vector>

#include <spate/spate.hpp>

#include "measuring.hpp"

namespace spate {
namespace {

constexpr unsigned sender_core = 0;
constexpr unsigned receiver_core = 1;
constexpr std::size_t piece = 256 * 1024;

// Stands for the largest file, and for a small one where everything is only to be shown to work.
constexpr std::uint64_t large = 1 << 30;
constexpr std::uint64_t large_in_smoke_runs = 16 << 20;

// The file ----------------------------------------------------------------------------------------

Result<void> fill(int file, std::uint64_t size) {
    const std::vector<std::byte> bytes(piece, std::byte{'f'});
    while (size != 0) {
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size, bytes.size()));
        const ssize_t written = ::write(file, bytes.data(), part);
        if (written <= 0) return fail(errno, "write a temporary file");
        size -= static_cast<std::uint64_t>(written);
    }
    // Or the disk would be written to while others are measured.
    if (::fdatasync(file) < 0) return fail(errno, "fdatasync");
    return {};
}

// A file of that size without a name, in the page cache. Made once.
Result<int> file_of(std::uint64_t size) {
    static std::map<std::uint64_t, Fd> files;
    if (const auto made = files.find(size); made != files.end()) return made->second.get();
    const char* folder = std::getenv("TMPDIR");
    std::string name = std::string(folder != nullptr ? folder : "/tmp") + "/spate-bench-XXXXXX";
    Fd file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file) return fail(errno, "make a temporary file");
    ::unlink(name.c_str());
    if (auto filled = fill(file.get(), size); !filled) return std::unexpected(filled.error());
    return files.emplace(size, std::move(file)).first->second.get();
}

// Senders -----------------------------------------------------------------------------------------

// Each sends `size` bytes of `file` for every byte that it gets, to the stream's end.
struct Sending {
    Fd socket;
    int file;
    std::uint64_t size;
};

bool write_all(int socket, const std::byte* bytes, std::size_t size) {
    while (size != 0) {
        const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

bool by_read_and_write(const Sending& sending, std::vector<std::byte>& memory) {
    for (std::uint64_t at = 0; at < sending.size;) {
        const auto part = std::min<std::uint64_t>(memory.size(), sending.size - at);
        const ssize_t got = ::pread(sending.file, memory.data(), part, static_cast<off_t>(at));
        if (got <= 0) return false;
        at += static_cast<std::uint64_t>(got);
        if (!write_all(sending.socket.get(), memory.data(), static_cast<std::size_t>(got)))
            return false;
    }
    return true;
}

bool by_sendfile(const Sending& sending) {
    off_t at = 0;
    while (static_cast<std::uint64_t>(at) < sending.size) {
        const std::uint64_t rest = sending.size - static_cast<std::uint64_t>(at);
        if (::sendfile(sending.socket.get(), sending.file, &at, rest) <= 0) return false;
    }
    return true;
}

bool by_mapping(const Sending& sending) {
    void* mapped = ::mmap(nullptr, sending.size, PROT_READ, MAP_SHARED, sending.file, 0);
    if (mapped == MAP_FAILED) return false;
    const bool sent =
        write_all(sending.socket.get(), static_cast<std::byte*>(mapped), sending.size);
    ::munmap(mapped, sending.size);
    return sent;
}

enum class Blocking { read_write, sendfile, mmap_write };

void send_blocking(Blocking way, Sending sending) {
    std::vector<std::byte> memory(way == Blocking::read_write ? piece : 0);
    char asked;
    bool sent = true;
    while (sent && ::recv(sending.socket.get(), &asked, 1, 0) == 1) {
        switch (way) {
            case Blocking::read_write:
                sent = by_read_and_write(sending, memory);
                break;
            case Blocking::sendfile:
                sent = by_sendfile(sending);
                break;
            case Blocking::mmap_write:
                sent = by_mapping(sending);
                break;
        }
    }
}

// As the file service has its loops, but for one connection.
constexpr LoopOptions loop_options{
    .receive_buffers = 8, .fixed_buffers = 4, .fixed_buffer_size = piece};

void send_spate(SendWay way, Sending sending) {
    run_on_loop(loop_options, [&](Loop& loop) -> Task<void> {
        TcpStream stream(loop, std::move(sending.socket));
        SendFileOptions options;
        options.way = way;
        for (;;) {
            auto asked = co_await stream.receive();
            if (!asked || asked->empty()) break;
            asked->reset();
            const std::span<const std::byte> head;
            std::uint64_t sent = 0;
            auto all =
                co_await send_file(stream, head, sending.file, 0, sending.size, options, sent);
            if (!all) break;
        }
        co_await stream.close();
    });
}

// The receiver ------------------------------------------------------------------------------------

struct Received {
    std::uint64_t files = 0;
    Meter meter;  // Its own CPU time is the receiver's, all others the sender's.
};

Result<void> receive_one(int socket, std::uint64_t size) {
    constexpr std::uint64_t most = 1 << 20;
    const char ask = 'a';
    if (::send(socket, &ask, 1, MSG_NOSIGNAL) != 1) return fail(errno, "ask for a file");
    while (size != 0) {
        // Thrown away uncopied (tcp(7)): the sender is what is measured.
        const ssize_t got = ::recv(socket, nullptr, std::min(size, most), MSG_TRUNC);
        if (got <= 0) return fail(got == 0 ? ECONNRESET : errno, "receive a file");
        size -= static_cast<std::uint64_t>(got);
    }
    return {};
}

Result<Received> receive(int socket, std::uint64_t size) {
    // The connection has found its pace after some.
    const Duration warm_up = measured_duration() / 10;
    const TimePoint start = Clock::now();
    do {
        if (auto got = receive_one(socket, size); !got) return std::unexpected(got.error());
    } while (Clock::now() < start + warm_up);
    Received received;
    received.meter.start();
    const TimePoint end = Clock::now() + measured_duration();
    do {
        if (auto got = receive_one(socket, size); !got) return std::unexpected(got.error());
        ++received.files;
    } while (Clock::now() < end);
    received.meter.stop();
    return received;
}

struct Ends {
    Fd sender;
    Fd receiver;
};

Result<Ends> connect_ends() {
    auto listener = listen_on(*Address::parse("127.0.0.1:0"));
    if (!listener) return std::unexpected(listener.error());
    const Address address = *Address::of_local(listener->get());
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    const int on = 1;
    Fd receiver(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::setsockopt(receiver.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(receiver.get(), address.data(), address.size()) < 0)
        return fail(errno, "connect");
    Fd sender(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!sender) return fail(errno, "accept");
    return Ends{std::move(sender), std::move(receiver)};
}

// `send` is called with a Sending, on the sender's core.
template <typename Send>
Result<Received> transfer(std::uint64_t size, Send send) {
    const auto file = file_of(size);
    if (!file) return std::unexpected(file.error());
    auto ends = connect_ends();
    if (!ends) return std::unexpected(ends.error());
    std::thread sender([&] {
        pin(sender_core);
        send(Sending{std::move(ends->sender), *file, size});
    });
    Result<Received> received;
    std::thread receiver([&] {
        pin(receiver_core);
        received = receive(ends->receiver.get(), size);
        ends->receiver.reset();
    });
    receiver.join();
    sender.join();
    return received;
}

// What is compared --------------------------------------------------------------------------------

Comparison comparison("sender_ns", {"blocking"});

template <typename Send>
void run(benchmark::State& state, const std::string& way, Send send) {
    auto size = static_cast<std::uint64_t>(state.range(0));
    if (size == large && is_smoke_run()) size = large_in_smoke_runs;
    for (auto _ : state) {
        const auto received = transfer(size, send);
        if (!received) {
            state.SkipWithError(received.error().message().c_str());
            break;
        }
        const Meter& meter = received->meter;
        const auto files = static_cast<double>(received->files);
        state.SetIterationTime(meter.seconds());
        state.counters["bytes_per_second"] = files * static_cast<double>(size) / meter.seconds();
        comparison.report(
            state, way, {state.range(0)},
            {.work_per_second = files / meter.seconds(),
             .both_ns = static_cast<double>(meter.own_ns() + meter.others_ns()) / files,
             .side_ns = static_cast<double>(meter.others_ns()) / files});
    }
}

void file_send(benchmark::State& state, Blocking way) {
    // Others are compared with it by that name.
    const std::string name = way == Blocking::read_write ? "blocking" : "other";
    run(state, name, [=](Sending sending) { send_blocking(way, std::move(sending)); });
}

void file_send(benchmark::State& state, SendWay way) {
    if (lacks_ring(state)) return;
    run(state, "spate", [=](Sending sending) { send_spate(way, std::move(sending)); });
}

#define ONCE Iterations(1)->UseManualTime()->Unit(benchmark::kMillisecond)
#define SIZES Arg(64 << 10)->Arg(1 << 20)->Arg(large)
#define FILE_SEND(name, way) BENCHMARK_CAPTURE(file_send, name, way)->SIZES->ONCE
FILE_SEND(read_write, Blocking::read_write);
FILE_SEND(sendfile, Blocking::sendfile);
FILE_SEND(mmap_write, Blocking::mmap_write);
FILE_SEND(spate_memory, SendWay::memory);
FILE_SEND(spate_sendfile, SendWay::sendfile);
FILE_SEND(spate_read, SendWay::read);
FILE_SEND(spate_zero_copy, SendWay::zero_copy);
FILE_SEND(spate_splice, SendWay::splice);
FILE_SEND(spate_automatic, SendWay::automatic);

}  // namespace
}  // namespace spate

int main(int argc, char** argv) {
    return spate::run_benchmarks(argc, argv);
}
