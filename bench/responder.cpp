// The floor of HTTP servers on io_uring: bench-responder [PORT] [BODY_BYTES] answers what ends in
// an empty line, unread, with one response made beforehand, until SIGTERM. Setup flags as the
// engine's.
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <spate/tcp.hpp>

#include "uring/kernel.hpp"

namespace {
enum Kind : std::uint64_t { accepting, receiving, sending, polling };
constexpr unsigned buffer_count = 1024, buffer_size = 4096, most_in_memory = 64 * 1024;

struct Responder {
    int listener, body;  // A file, where it is large.
    std::size_t body_size;
    std::string response;
    io_uring ring{};
    io_uring_buf_ring* buffers = nullptr;
    std::vector<char> memory = std::vector<char>(std::size_t{buffer_count} * buffer_size);
    std::vector<off_t> sent = std::vector<off_t>(1 << 16);  // Of the body, by descriptor.
    std::vector<bool> polls = std::vector<bool>(1 << 16);

    io_uring_sqe* prepare(Kind kind, int fd) {
        if (io_uring_sq_space_left(&ring) == 0) io_uring_submit(&ring);
        io_uring_sqe* sqe = io_uring_get_sqe(&ring);
        sqe->user_data = kind << 32 | static_cast<unsigned>(fd);
        return sqe;
    }
    void receive(int fd) {
        io_uring_sqe* sqe = prepare(receiving, fd);
        io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
    }
    void give_back(unsigned id) {
        io_uring_buf_ring_add(buffers, &memory[std::size_t{id} * buffer_size], buffer_size,
                              static_cast<std::uint16_t>(id), buffer_count - 1, 0);
        io_uring_buf_ring_advance(buffers, 1);
    }
    void accept() {
        io_uring_sqe* sqe = prepare(accepting, listener);
        io_uring_prep_multishot_accept(sqe, listener, nullptr, nullptr, SOCK_NONBLOCK);
    }
    void send_body(int fd) {
        for (polls[fd] = false; sent[fd] < off_t(body_size);) {
            if (::sendfile(fd, body, &sent[fd], body_size) > 0) continue;
            if (errno != EAGAIN) return (void)::shutdown(fd, SHUT_RDWR);
            polls[fd] = true;
            return io_uring_prep_poll_add(prepare(polling, fd), fd, POLLOUT);
        }
    }
    void answer(int fd) {
        constexpr int flags = MSG_NOSIGNAL | MSG_WAITALL;
        io_uring_sqe* sqe = body < 0 ? prepare(sending, fd) : nullptr;
        if (sqe) return io_uring_prep_send(sqe, fd, response.data(), response.size(), flags);
        sent[fd] = 0;
        if (::send(fd, response.data(), response.size(), flags) > 0) send_body(fd);
    }
    void received(int fd, const io_uring_cqe& cqe) {
        const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
        if (cqe.res > 0) {
            const char* bytes = &memory[std::size_t{id} * buffer_size];
            if (std::string_view(bytes, cqe.res).ends_with("\r\n\r\n")) answer(fd);
        }
        if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) give_back(id);
        if ((cqe.flags & IORING_CQE_F_MORE) != 0) return;
        if (cqe.res > 0 || cqe.res == -ENOBUFS) return receive(fd);
        if (!polls[fd]) return (void)::close(fd);
        // The poll goes first, or it would end as that of the number's next connection.
        ::shutdown(fd, SHUT_RDWR);
        receive(fd);
    }
    void handle(const io_uring_cqe& cqe) {
        const int fd = static_cast<int>(cqe.user_data & ~0U);
        const std::uint64_t kind = cqe.user_data >> 32;
        if (kind == receiving) received(fd, cqe);
        if (kind == polling) send_body(fd);
        if (kind != accepting) return;
        if (cqe.res >= 0) receive(cqe.res);
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) accept();
    }
    // Gives an errno value, or goes on for ever.
    int run() {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        params.cq_entries = 4096;
        int error = io_uring_queue_init_params(512, &ring, &params);
        if (error == 0) buffers = io_uring_setup_buf_ring(&ring, buffer_count, 0, 0, &error);
        if (error != 0) return -error;
        io_uring_register_ring_fd(&ring);
        for (unsigned id = 0; id < buffer_count; ++id)
            give_back(id);
        for (accept();;) {
            io_uring_submit_and_wait(&ring, 1);
            io_uring_cqe* cqe;
            unsigned head, count = 0;
            io_uring_for_each_cqe(&ring, head, cqe) {
                handle(*cqe);
                ++count;
            }
            io_uring_cq_advance(&ring, count);
        }
    }
};
}  // namespace

int main(int argc, char** argv) {
    const std::string address = std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "0");
    const spate::Fd listener = spate::listen_on(spate::Address::parse(address).value()).value();
    const std::size_t size = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1024;
    std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    const std::string body(size, 'b');
    const spate::Fd file(size > most_in_memory ? ::memfd_create("body", MFD_CLOEXEC) : -1);
    if (!file) text += body;
    if (file && ::write(file.get(), body.data(), size) != ssize_t(size)) return 1;
    ::signal(SIGPIPE, SIG_IGN);  // sendfile(2) knows no MSG_NOSIGNAL.
    std::printf("listening on %s\n", spate::Address::of_local(listener.get())->text().c_str());
    std::fflush(stdout);
    const int error = Responder{listener.get(), file.get(), size, text}.run();
    std::printf("io_uring: %s\n", std::strerror(error));
    return 1;
}
