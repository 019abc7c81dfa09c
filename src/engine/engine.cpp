#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <cassert>
#include <cerrno>
#include <thread>
#include <utility>

#include <spate/engine.hpp>

namespace spate {

struct Engine::Worker {
    std::unique_ptr<Loop> loop;
    std::thread thread;
    int processor = -1;  // -1: not pinned

    void pin() const {
        if (processor < 0) return;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<std::size_t>(processor), &set);
        // A processor that went away meanwhile: unpinned is slower, not wrong.
        ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
    }
};

Engine::Engine() = default;

Engine::~Engine() {
    request_stop();
    join();
}

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options) {
    const std::vector<int> processors = allowed_processors();
    const std::size_t cores = options.cores != 0 ? options.cores : processors.size();
    std::unique_ptr<Engine> engine(new Engine);
    for (std::size_t index = 0; index < cores; ++index) {
        auto loop = Loop::open(options.loop);
        if (!loop) return std::unexpected(loop.error());
        auto worker = std::make_unique<Worker>();
        worker->loop = std::move(*loop);
        if (options.pin && cores <= processors.size()) worker->processor = processors[index];
        engine->workers_.push_back(std::move(worker));
    }
    return engine;
}

std::size_t Engine::size() const {
    return workers_.size();
}

Loop& Engine::loop(std::size_t index) {
    return *workers_[index]->loop;
}

void Engine::start(std::function<Task<void>(Loop&, std::size_t)> main) {
    for (std::size_t index = 0; index < workers_.size(); ++index) {
        Worker& worker = *workers_[index];
        assert(!worker.thread.joinable());
        worker.thread = std::thread([&worker, main, index] {
            worker.pin();
            Loop& loop = *worker.loop;
            // Posted, so that the task starts within the running loop.
            loop.post([&loop, &main, index] { loop.spawn(main(loop, index)); });
            loop.run();
        });
        ::pthread_setname_np(worker.thread.native_handle(),
                             ("spate/" + std::to_string(index)).c_str());
    }
}

void Engine::request_stop() {
    for (const auto& worker : workers_)
        worker->loop->request_stop();
}

void Engine::join() {
    for (const auto& worker : workers_)
        if (worker->thread.joinable()) worker->thread.join();
}

std::vector<int> allowed_processors() {
    // Large enough for any machine; sched_getaffinity(2) fails on a set smaller than its own.
    std::vector<cpu_set_t> sets(8);
    const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
    std::vector<int> processors;
    if (::sched_getaffinity(0, bytes, sets.data()) == 0)
        for (int cpu = 0; cpu < static_cast<int>(bytes * 8); ++cpu)
            if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, sets.data()))
                processors.push_back(cpu);
    if (processors.empty()) processors.push_back(-1);
    return processors;
}

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

}  // namespace spate
