// bench-responder [PORT] [BODY_BYTES]: the floor of HTTP servers, which answers without reading.
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include <spate/tcp.hpp>

#include "uring/kernel.hpp"

enum Kind : std::uint64_t { accepting, receiving, sending, polling };
constexpr unsigned buffer_count = 1024, buffer_size = 4096, most_in_memory = 64 * 1024;

struct Responder {
    int listener, body;  // A file, where it is large; else it is in `response`.
    off_t body_size;
    std::string response;
    io_uring ring{};
    io_uring_buf_ring* buffers = nullptr;
    std::vector<char> memory = std::vector<char>(std::size_t{buffer_count} * buffer_size);
    std::vector<off_t> sent = std::vector<off_t>(1 << 16);  // Of the body, by descriptor.

    io_uring_sqe* prepare(Kind kind, int fd) {
        if (io_uring_sq_space_left(&ring) == 0) io_uring_submit(&ring);
        io_uring_sqe* sqe = io_uring_get_sqe(&ring);
        sqe->user_data = kind << 32 | static_cast<unsigned>(fd);
        return sqe;
    }
    void accept() {
        io_uring_sqe* sqe = prepare(accepting, listener);
        io_uring_prep_multishot_accept(sqe, listener, nullptr, nullptr, SOCK_NONBLOCK);
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
    void send_body(int fd) {
        if (sent[fd] == body_size) return;
        if (::sendfile(fd, body, &sent[fd], body_size) > 0) return send_body(fd);
        if (errno == EAGAIN) io_uring_prep_poll_add(prepare(polling, fd), fd, POLLOUT);
    }
    void answer(int fd) {
        if (body < 0)
            return io_uring_prep_send(prepare(sending, fd), fd, response.data(), response.size(),
                                      MSG_NOSIGNAL | MSG_WAITALL);
        sent[fd] = 0;
        if (::send(fd, response.data(), response.size(), MSG_NOSIGNAL | MSG_MORE) > 0)
            send_body(fd);
    }
    void received(int fd, const io_uring_cqe& cqe) {
        const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
        const char* end = &memory[std::size_t{id} * buffer_size + std::max(cqe.res, 4)];
        if (cqe.res > 0 && std::memcmp(end - 4, "\r\n\r\n", 4) == 0) answer(fd);
        if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) give_back(id);
        if ((cqe.flags & IORING_CQE_F_MORE) != 0) return;
        cqe.res > 0 || cqe.res == -ENOBUFS ? receive(fd) : (void)::close(fd);
    }
    void handle(const io_uring_cqe& cqe) {
        const int fd = static_cast<int>(cqe.user_data & ~0U);
        const std::uint64_t kind = cqe.user_data >> 32;
        if (kind == receiving) received(fd, cqe);
        if (kind == polling && (cqe.res & (POLLERR | POLLHUP)) == 0) send_body(fd);
        if (kind == accepting) cqe.res >= 0 ? receive(cqe.res) : accept();
    }
    [[noreturn]] void run() {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        int error = io_uring_queue_init_params(4096, &ring, &params);
        if (error == 0) buffers = io_uring_setup_buf_ring(&ring, buffer_count, 0, 0, &error);
        if (error != 0) std::exit(1);
        for (unsigned id = 0; id < buffer_count; ++id)
            give_back(id);
        for (accept();;) {
            io_uring_submit_and_wait(&ring, 1);
            io_uring_cqe* cqe;
            unsigned head, count = 0;
            io_uring_for_each_cqe(&ring, head, cqe) handle(*cqe), ++count;
            io_uring_cq_advance(&ring, count);
        }
    }
};

int main(int argc, char** argv) {
    const std::string where = "127.0.0.1:" + std::string(argc > 1 ? argv[1] : "0");
    const spate::Fd listener = spate::listen_on(*spate::Address::parse(where)).value();
    const std::string body(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1024, 'b');
    std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size());
    const spate::Fd file(body.size() > most_in_memory ? ::memfd_create("body", 0) : -1);
    text += file ? "\r\n\r\n" : "\r\n\r\n" + body;
    ::signal(SIGPIPE, SIG_IGN);  // sendfile(2) knows no MSG_NOSIGNAL.
    if (file && ::write(file.get(), body.data(), body.size()) < 0) return 1;
    ::dprintf(1, "listening on %s\n", spate::Address::of_local(listener.get())->text().c_str());
    Responder{listener.get(), file.get(), off_t(body.size()), text}.run();
}
