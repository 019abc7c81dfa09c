// What a client of `spate serve` waits for, counted in turns of the loop, while thousands of others
// hold whatever they can get and give nothing for it.
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kernel_test.hpp"
#include "serve/core.hpp"

namespace spate::serve {
namespace {

using namespace std::chrono_literals;

// From the first byte of a request to the last of its answer, a new connection's too.
constexpr std::uint64_t most_turns = 16;

constexpr unsigned questions = 40;

std::string get(std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

std::string repeated(const std::string& text, std::size_t size) {
    std::string whole;
    while (whole.size() < size)
        whole += text;
    return whole.substr(0, size);
}

// A kind of client: what it says when it comes, and what of it goes on at each turn.
struct Kind {
    const char* name;
    unsigned count;
    std::string opening;
    const char* more;  // said again and again; nullptr: nothing
    bool reads;        // a little of what it is sent, again and again
};

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all{
        {"one byte of a head", 1100, "G", nullptr, false},
        {"three quarters of a long head", 500,
         get("/").substr(0, 20) + "X-Long: " + std::string(12'000, 'x'), nullptr, false},
        {"a slow download with requests behind", 500, get("/big") + repeated(get("/small"), 20'000),
         nullptr, true},
        {"a declared body by the byte", 125,
         "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "1", false},
        {"a chunked body by the byte", 125,
         "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1", false},
        {"a slow reader of a listing", 75, get("/many/"), nullptr, true},
    };
    return all;
}

std::uint64_t seed() {
    const char* wanted = std::getenv("SPATE_SEED");
    return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1;
}

class ServeIsolationTest : public test::LoopTest {
  protected:
    struct Guest {
        Fd socket;
        const Kind* kind;
    };

    void SetUp() override {
        LoopTest::SetUp();
        if (IsSkipped()) return;
        raise_descriptor_limit();
        std::filesystem::create_directory(folder_.path("many"));
        for (int i = 0; i < 2000; ++i)
            std::ofstream(folder_.path("many/") + std::to_string(i));
        std::ofstream(folder_.path("small")) << std::string(1024, 's');
        std::ofstream(folder_.path("big")).close();
        std::filesystem::resize_file(folder_.path("big"), 200'000'000);
        auto root = Root::open(folder_.path().c_str());
        ASSERT_TRUE(root);
        options_.header_timeout = 120s;
        options_.send_timeout = 120s;
        site_.emplace(options_, types_, std::move(*root));
        core_.emplace(loop(), *site_, admission_, nullptr, Share{.open_files = 100, .rate = 0});
        auto socket = listen_on(*Address::parse("127.0.0.1:0"));
        ASSERT_TRUE(socket);
        address_ = *Address::of_local(socket->get());
        listening_.push_back({std::move(*socket), Protocol::http});
    }
    void TearDown() override {
        core_.reset();
        close_loop();
    }

    // In an order that the seed decides, a few a turn: the backlog is no part of this.
    Task<void> gather() {
        std::vector<const Kind*> order;
        for (const Kind& kind : kinds())
            order.insert(order.end(), kind.count, &kind);
        std::shuffle(order.begin(), order.end(), random_);
        for (const Kind* kind : order) {
            Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            const int window = 4096;
            if (kind->reads)
                ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
            const int code = ::connect(socket.get(), address_.data(), address_.size());
            EXPECT_EQ(code, 0);
            ::send(socket.get(), kind->opening.data(), kind->opening.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
            guests_.push_back({std::move(socket), kind});
            if (guests_.size() % 64 == 0) co_await loop().yield();
            if (guests_.size() % 512 == 0) co_await expect_service();
        }
    }

    void stir() {
        char into[512];
        for (const Guest& guest : guests_) {
            if (guest.kind->more != nullptr)
                ::send(guest.socket.get(), guest.kind->more, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (guest.kind->reads) ::recv(guest.socket.get(), into, sizeof into, MSG_DONTWAIT);
        }
    }

    Task<void> expect_answer(TcpStream& stream) {
        const std::string question = get("/small");
        std::string_view view(question);
        auto sent = co_await stream.send(view);
        EXPECT_TRUE(sent);
        std::string answer;
        while (answer.size() < 1024) {
            auto got = co_await stream.receive();
            EXPECT_TRUE(got && !got->empty()) << "turned away";
            if (!got || got->empty()) co_return;
            answer += got->text();
        }
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 "));
    }

    // On a connection of its own, from its making on, and twice on that.
    Task<void> expect_service() {
        const std::uint64_t begun = loop().counters().turns;
        auto socket = co_await connect(loop(), address_, 20s);
        EXPECT_TRUE(socket);
        if (!socket) co_return;
        TcpStream stream(loop(), std::move(*socket));
        co_await expect_answer(stream);
        const std::uint64_t between = loop().counters().turns;
        co_await expect_answer(stream);
        const std::uint64_t ended = loop().counters().turns;
        EXPECT_LE(between - begun, most_turns);
        EXPECT_LE(ended - between, most_turns);
        co_await stream.close();
    }

    test::TemporaryFolder folder_;
    ServeOptions options_;
    http::MediaTypes types_;
    Admission admission_{0, 0};
    Address address_;
    std::vector<Listening> listening_;
    std::optional<Site> site_;
    std::optional<Core> core_;
    std::vector<Guest> guests_;
    std::mt19937_64 random_{seed()};
};

TEST_F(ServeIsolationTest, ASwarmCostsTheOthersNoTurns) {
    SCOPED_TRACE(testing::Message() << "SPATE_SEED=" << seed());
    auto body = [&]() -> Task<void> {
        loop().spawn(core_->run(std::move(listening_)));
        co_await expect_service();
        co_await gather();
        for (unsigned question = 0; question < questions; ++question) {
            stir();
            co_await expect_service();
        }
        const std::uint64_t held = core_->totals.connections_open;
        EXPECT_GT(held, guests_.size() * 9 / 10);
        EXPECT_EQ(loop().receive_buffers().available(), LoopOptions().receive_buffers);
        // Not all at once: the kernel would drop some of their last packets (net.core.
        // netdev_max_backlog), and the server learn of a reset only by its next probe.
        while (!guests_.empty()) {
            guests_.pop_back();
            if (guests_.size() % 64 == 0) co_await loop().yield();
        }
        while (core_->totals.connections_open != 0)
            co_await loop().sleep_for(1ms);
    };
    run(body(), 120s);
}

}  // namespace
}  // namespace spate::serve
