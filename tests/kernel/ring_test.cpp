// The ring itself: what it is locked to, its memory, and what it says where it is refused.
#include "uring/ring.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "kernel_test.hpp"

namespace spate {
namespace {

// What `function` returned, run in a child process of its own; what it changes of the process
// (limits, filters) stays there.
template <typename Function>
std::string in_child(Function function) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]);
    Fd in(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string said = function();
        const auto written = ::write(in.get(), said.data(), said.size());
        ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    in.reset();
    std::string said;
    char piece[512];
    for (ssize_t got; (got = ::read(out.get(), piece, sizeof piece)) > 0;)
        said.append(piece, static_cast<std::size_t>(got));
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child died: " << status;
    return said;
}

// As a container's seccomp profile does: io_uring_setup(2) fails with `code`.
void refuse_io_uring(int code) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(program), program};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

TEST(RefusedRingTest, SaysWhatStandsInTheWayAndWhatToDo) {
    struct Case {
        int code;
        const char* text;
    };
    for (const auto& [code, text] :
         {Case{EPERM, "seccomp=unconfined"}, Case{ENOSYS, "Linux 6.1 or newer"}}) {
        SCOPED_TRACE(text);
        const std::string said = in_child([code = code] {
            refuse_io_uring(code);
            auto loop = Loop::open();
            if (loop) return std::string("opened");
            if (loop.error().code != code) return loop.error().message();
            return explain_ring_error(loop.error());
        });
        EXPECT_NE(said.find(text), std::string::npos) << said;
    }
}

TEST(RefusedRingTest, EveryErrorHasASentence) {
    for (int code : {EPERM, EACCES, ENOSYS, EINVAL, ENOMEM, EMFILE, ENFILE, EIO}) {
        const std::string said = explain_ring_error({code, "io_uring_setup"});
        EXPECT_GT(said.size(), 15U);
        EXPECT_EQ(said.find('\n'), std::string::npos);
    }
    EXPECT_NE(explain_ring_error({EMFILE, ""}).find("ulimit -n"), std::string::npos);
    EXPECT_NE(explain_ring_error({ENOMEM, ""}).find("ulimit -l"), std::string::npos);
}

TEST(RefusedRingTest, NoDescriptorsLeftIsSaid) {
    const std::string said = in_child([] {
        const rlimit few{3, 3};
        ::setrlimit(RLIMIT_NOFILE, &few);
        auto loop = Loop::open();
        return loop ? std::string("opened") : explain_ring_error(loop.error());
    });
    EXPECT_NE(said.find("ulimit -n"), std::string::npos) << said;
}

class RingTest : public test::LoopTest {
  protected:
    // Waits for one operation prepared by hand.
    class Raw : public Op {
      public:
        explicit Raw(Event& done) : Op(&finished), done_(done) {}
        int result = 0;

      private:
        static void finished(Op& op, Completion completion) {
            auto& raw = static_cast<Raw&>(op);
            raw.result = completion.result;
            raw.done_.set();
        }
        Event& done_;
    };
};

TEST_F(RingTest, DoesNothingThatTheEngineDoesNotUse) {
    test::TemporaryFolder folder;
    const std::string path = folder.path("made");
    auto body = [&]() -> Task<void> {
        Event done;
        Raw made(done);
        io_uring_sqe* sqe = loop().ring().prepare(&made);
        io_uring_prep_mkdirat(sqe, AT_FDCWD, path.c_str(), 0700);
        co_await done.wait();
        EXPECT_EQ(made.result, -EACCES);
        EXPECT_FALSE(std::filesystem::exists(path));
        done.reset();
        Raw flagged(done);
        sqe = loop().ring().prepare(&flagged);
        io_uring_prep_fsync(sqe, 0, 0);
        sqe->flags |= IOSQE_FIXED_FILE;
        co_await done.wait();
        EXPECT_EQ(flagged.result, -EACCES);
        // Nor can it be widened again.
        unsigned files[1] = {0};
        EXPECT_EQ(loop().ring().register_with_kernel(IORING_REGISTER_FILES, files, 1), -EACCES);
    };
    run(body());
}

// A library user's own operations, by name; those that no kernel has yet do no harm.
TEST_F(RingTest, DoesFurtherOperationsThatItsOwnerAllows) {
    const std::uint8_t further[] = {IORING_OP_MKDIRAT, IORING_OP_UNLINKAT, 63, 255};
    open_loop({.further_operations = further});
    test::TemporaryFolder folder;
    const std::string path = folder.path("made");
    auto body = [&]() -> Task<void> {
        const Io::Description mkdir{
            .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, .address = path.c_str(), .length = 0700};
        auto made = co_await Io(loop(), "mkdirat", mkdir);
        EXPECT_TRUE(made);
        EXPECT_TRUE(std::filesystem::is_directory(path));
        const Io::Description unlink{.opcode = IORING_OP_UNLINKAT,
                                     .fd = AT_FDCWD,
                                     .address = path.c_str(),
                                     .flags = AT_REMOVEDIR};
        auto gone = co_await Io(loop(), "unlinkat", unlink);
        EXPECT_TRUE(gone);
        EXPECT_FALSE(std::filesystem::exists(path));
        const Io::Description unknown{.opcode = 255, .fd = -1};
        auto refused = co_await Io(loop(), "unknown", unknown);
        EXPECT_EQ(refused.error().code, EINVAL);
        const Io::Description shutdown{.opcode = IORING_OP_SHUTDOWN, .fd = 0};
        auto not_allowed = co_await Io(loop(), "shutdown", shutdown);
        EXPECT_EQ(not_allowed.error().code, EACCES);
    };
    run(body());
}

TEST_F(RingTest, BufferGroupsComeBackAndTheirEndIsSaid) {
    Ring& ring = loop().ring();
    Result<std::uint16_t> group = ring.take_buffer_group();
    std::size_t taken = 1;  // the loop's own
    for (; group; group = ring.take_buffer_group())
        ++taken;
    EXPECT_EQ(taken, 65536U);
    EXPECT_EQ(group.error().code, ENOBUFS);
    EXPECT_NE(group.error().message().find("65,536 buffer rings"), std::string::npos);
    auto buffers = BufferRing::open(ring, 8, 32, 8);
    EXPECT_EQ(buffers.error().code, ENOBUFS);
    for (const std::uint16_t each : std::initializer_list<std::uint16_t>{40'000, 7, 65'535}) {
        ring.give_back_buffer_group(each);
        EXPECT_EQ(ring.take_buffer_group().value(), each);
    }
}

TEST_F(RingTest, KnowsWhatTheKernelHas) {
    EXPECT_TRUE(loop().ring().supports(IORING_OP_SEND_ZC));
    EXPECT_TRUE(loop().ring().supports(IORING_OP_MSG_RING));
}

TEST_F(RingTest, TakesMoreOperationsThanItsQueueHolds) {
    const std::uint8_t further[] = {IORING_OP_NOP};
    open_loop({.submissions = 16, .completions = 128, .further_operations = further});
    constexpr std::size_t many = 1000;
    auto body = [&]() -> Task<void> {
        std::vector<std::unique_ptr<Event>> ends;
        std::vector<std::unique_ptr<Raw>> operations;
        for (std::size_t i = 0; i < many; ++i) {
            ends.push_back(std::make_unique<Event>());
            operations.push_back(std::make_unique<Raw>(*ends.back()));
            io_uring_prep_nop(loop().ring().prepare(operations.back().get()));
        }
        for (auto& end : ends)
            co_await end->wait();
    };
    run(body());
    // More than the completion queue holds: the kernel kept them, and said so.
    EXPECT_GT(loop().counters().overflows, 0U);
}

TEST_F(RingTest, BufferQueueIsFirstInFirstOut) {
    auto opened = BufferRing::open(loop().ring(), 8, 32, 8);
    ASSERT_TRUE(opened);
    BufferRing& buffers = **opened;
    BufferRing::Queue left;
    BufferRing::Queue right;
    using Ids = std::initializer_list<std::uint16_t>;
    for (auto id : Ids{5, 2, 7, 0, 3}) {
        buffers.taken(id);
        (id % 2 == 0 ? left : right).push(buffers, id, id + 1U);
    }
    EXPECT_EQ(buffers.available(), 3U);
    EXPECT_EQ(right.count(), 3U);
    for (auto id : Ids{5, 7, 3}) {
        const Lease lease = right.pop(buffers);
        EXPECT_EQ(lease.data(), buffers.data(id));
        EXPECT_EQ(lease.size(), id + 1U);
    }
    EXPECT_TRUE(right.empty());
    EXPECT_EQ(buffers.available(), 6U);
    Lease kept = left.pop(buffers);
    Lease moved = std::move(kept);
    EXPECT_TRUE(kept.empty());
    EXPECT_EQ(moved.size(), 3U);
    moved = left.pop(buffers);  // gives the first back
    EXPECT_EQ(buffers.available(), 7U);
    moved.reset();
    moved.reset();
    EXPECT_EQ(buffers.available(), 8U);
}

TEST_F(RingTest, FixedBuffersComeAndGo) {
    open_loop({.fixed_buffers = 2, .fixed_buffer_size = 8192});
    FixedPool& pool = *loop().fixed_pool();
    EXPECT_EQ(pool.buffer_size(), 8192U);
    FixedBuffer one = pool.take();
    FixedBuffer two = pool.take();
    ASSERT_TRUE(one && two);
    EXPECT_FALSE(pool.take());
    EXPECT_NE(one.bytes().data(), two.bytes().data());
    EXPECT_EQ(one.bytes().size(), 8192U);
    const auto* memory = one.bytes().data();
    two = std::move(one);
    one = pool.take();
    EXPECT_TRUE(one);
    EXPECT_EQ(two.bytes().data(), memory);
}

TEST(LockedMemoryTest, WithoutItBuffersAreOrdinaryMemory) {
    const std::string said = in_child([]() -> std::string {
        // Enough for the ring, which counts too, and not for a mebibyte of buffers.
        const rlimit little{400 << 10, 400 << 10};
        ::setrlimit(RLIMIT_MEMLOCK, &little);
        // Root may lock what it likes.
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return "still root";
        auto loop = Loop::open({.fixed_buffers = 4});
        if (!loop) return loop.error().message();
        FixedPool& pool = *(*loop)->fixed_pool();
        if (pool.registered()) return "registered";
        FixedBuffer buffer = pool.take();
        if (buffer.index() != -1) return "indexed";
        std::memset(buffer.bytes().data(), 1, buffer.bytes().size());
        return "degraded";
    });
    EXPECT_EQ(said, "degraded");
}

}  // namespace
}  // namespace spate
