#include "load/run.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <spate/io.hpp>
#include <spate/loop.hpp>

#include "load/process_time.hpp"
#include "load/worker.hpp"

namespace spate::load {
namespace {

constexpr auto interval_length = std::chrono::seconds(1);
// Between "all connected" and the first request: every thread hears of it in time.
constexpr auto head_start = std::chrono::milliseconds(5);

// What the kernel has counted at some moment.
struct Moment {
    TimePoint at;
    CpuInfo client;
    std::optional<CpuInfo> server;
    MachineTime machine;
};

Moment moment(const Plan& plan) {
    Moment now{Clock::now(), own_cpu(), std::nullopt, machine_time()};
    if (!plan.server_pid) return now;
    if (auto server = process_cpu(*plan.server_pid)) now.server = *server;
    return now;
}

CpuInfo difference(const CpuInfo& later, const CpuInfo& earlier) {
    return {later.user_ns - earlier.user_ns, later.system_ns - earlier.system_ns};
}

double steal_between(const MachineTime& earlier, const MachineTime& later) {
    const auto total = later.total_ticks - earlier.total_ticks;
    if (total <= 0) return 0;
    return static_cast<double>(later.steal_ticks - earlier.steal_ticks) /
           static_cast<double>(total);
}

// The thread that was started first: begins the run, collects once a second, ends it.
class Control {
  public:
    Control(const Plan& plan, Engine& engine, Loop& loop, Signals& signals, const Watcher& watcher)
        : plan_(plan), engine_(engine), loop_(loop), signals_(signals), watcher_(watcher) {}

    [[nodiscard]] Report run();

  private:
    // When the measured part begins, and then each second.
    class Tick : public Timer {
      public:
        explicit Tick(Control& owner) : Timer(&due), control(owner) {}
        static void due(Timer& timer) { static_cast<Tick&>(timer).control.tick(); }
        Control& control;
    };
    Task<void> work(std::size_t index);
    Task<void> watch_signals();
    void connected();
    void begin();
    void cut();
    void tick();
    void collect(const Tally& tally);
    void close_interval();
    void ended();
    void finish();
    [[nodiscard]] TimePoint first_request() const;

    const Plan& plan_;
    Engine& engine_;
    Loop& loop_;
    Signals& signals_;
    const Watcher& watcher_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::size_t connected_ = 0;
    std::size_t ended_ = 0;
    bool cut_ = false;
    Tick tick_{*this};
    int ticks_ = 0;
    TimePoint measured_ = no_deadline;
    TimePoint end_ = no_deadline;
    std::optional<Moment> first_;  // when the measured part began
    Moment last_;                  // when the last interval ended
    std::size_t missing_ = 0;      // threads whose tally of this interval is not in yet
    Tally interval_;
    Tally total_;
    Report report_;
};

Report Control::run() {
    for (unsigned index = 0; index < plan_.threads; ++index)
        workers_.push_back(std::make_unique<Worker>(engine_.loop(index), plan_, index));
    engine_.start([this](Loop&, std::size_t index) { return work(index); });
    loop_.post([this] { loop_.spawn(watch_signals()); });
    loop_.run();
    engine_.join();
    finish();
    return std::move(report_);
}

Task<void> Control::work(std::size_t index) {
    // A timer that may be 50 us late is of no use to a schedule.
    ::prctl(PR_SET_TIMERSLACK, 1);
    auto running = workers_[index]->run([this] { loop_.post([this] { connected(); }); });
    co_await running;
    loop_.post([this] { ended(); });
}

Task<void> Control::watch_signals() {
    for (;;) {
        auto signal = co_await signals_.next(loop_);
        if (!signal) break;
        if (report_.cut_short) ::_exit(128 + *signal);
        report_.cut_short = true;
        cut();
    }
}

void Control::connected() {
    if (++connected_ < workers_.size()) return;
    std::size_t connections = 0;
    for (const auto& worker : workers_)
        connections += worker->connected();
    if (connections == 0) cut();
    begin();
}

TimePoint Control::first_request() const {
    TimePoint start = Clock::now() + head_start;
    if (plan_.start_at_ns) {
        const auto wall = std::chrono::system_clock::now().time_since_epoch();
        start = std::max(start, Clock::now() + (Nanoseconds(*plan_.start_at_ns) - wall));
    }
    return start;
}

void Control::begin() {
    const TimePoint start = first_request();
    measured_ = start + plan_.warmup;
    end_ = later(measured_, plan_.duration);
    for (std::size_t index = 0; index < workers_.size(); ++index) {
        engine_.loop(index).post([worker = workers_[index].get(), start, this] {
            worker->start(start, measured_, end_);
        });
    }
    loop_.timers().arm(tick_, measured_);
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    report_.run.started_ns = Nanoseconds(wall + (measured_ - Clock::now())).count();
    if (watcher_.started && !cut_) watcher_.started(plan_);
}

void Control::cut() {
    cut_ = true;
    for (std::size_t index = 0; index < workers_.size(); ++index)
        engine_.loop(index).post([worker = workers_[index].get()] { worker->cut(); });
}

void Control::tick() {
    if (!first_) {
        last_ = moment(plan_);
        first_ = last_;
    } else if (missing_ == 0) {
        missing_ = workers_.size();
        for (std::size_t index = 0; index < workers_.size(); ++index) {
            engine_.loop(index).post([worker = workers_[index].get(), this] {
                loop_.post([this, tally = &worker->take_tally()] { collect(*tally); });
            });
        }
    }
    const TimePoint next = measured_ + ++ticks_ * interval_length;
    if (next < end_) loop_.timers().arm(tick_, next);
}

void Control::collect(const Tally& tally) {
    interval_.add(tally);
    if (--missing_ == 0) close_interval();
}

void Control::close_interval() {
    const Moment now = moment(plan_);
    IntervalInfo row;
    const TimePoint until = std::min(now.at, end_);
    row.start_ns = (last_.at - measured_).count();
    row.length_ns = (until - last_.at).count();
    const Totals& totals = interval_.totals;
    row.planned = totals.planned;
    row.sent = totals.sent;
    row.ok = totals.ok;
    row.errors = totals.http_error + totals.net_error + totals.timeout;
    row.p50 = interval_.latency.percentile(0.50);
    row.p99 = interval_.latency.percentile(0.99);
    row.max = interval_.latency.max();
    row.bytes_in = totals.bytes_in;
    row.bytes_out = totals.bytes_out;
    row.client_cpu_ns = difference(now.client, last_.client).total_ns();
    if (now.server && last_.server)
        row.server_cpu_ns = difference(*now.server, *last_.server).total_ns();
    row.steal = steal_between(last_.machine, now.machine);
    total_.add(interval_);
    if (watcher_.interval) watcher_.interval(row, interval_);
    report_.intervals.push_back(row);
    interval_.clear();
    last_ = now;
}

void Control::ended() {
    if (++ended_ < workers_.size()) return;
    tick_.cancel();
    engine_.request_stop();
    loop_.stop();
    cancel_all(loop_, signals_.fd());
}

// The threads have ended: what they counted last, and all together.
void Control::finish() {
    const bool measured = first_.has_value();
    if (!measured) {
        last_ = moment(plan_);
        first_ = last_;
        measured_ = last_.at;
    }
    std::size_t connections = 0;
    for (const auto& worker : workers_)
        connections += worker->connected();
    FailureTable failures;
    ConnectionInfo& used = report_.connections;
    used.fewest_requests = UINT64_MAX;
    for (const auto& worker : workers_) {
        if (connections == 0) worker->count_preparations();
        interval_.add(worker->take_tally());
        failures.add(worker->failures());
        const ConnectionInfo of_worker = worker->connections();
        used.used += of_worker.used;
        used.fewest_requests = std::min(used.fewest_requests, of_worker.fewest_requests);
        used.most_requests = std::max(used.most_requests, of_worker.most_requests);
        if (measured) {
            const double busy = static_cast<double>(worker->busy().count()) /
                                static_cast<double>(worker->ran().count());
            report_.client.busiest_thread = std::max(report_.client.busiest_thread, busy);
        }
    }
    if (measured) close_interval();
    report_.elapsed = std::min(last_.at, end_) - measured_;
    total_.add(interval_);
    report_.totals = total_.totals;
    report_.latency = std::move(total_.latency);
    report_.service = plan_.rate ? std::move(total_.service) : report_.latency;
    report_.send_lag = std::move(total_.send_lag);
    report_.connect = std::move(total_.connect);
    report_.first_byte = std::move(total_.first_byte);
    report_.failed = std::move(total_.failed);
    for (std::size_t status = 0; status < total_.by_status.size(); ++status)
        if (total_.by_status[status] != 0)
            report_.by_status[static_cast<int>(status)] = total_.by_status[status];
    report_.errors = failures.rows();
    used.opened = total_.opened;
    used.reconnects = total_.reconnects;
    report_.client.cpu = difference(last_.client, first_->client);
    if (last_.server && first_->server) report_.server = difference(*last_.server, *first_->server);
    report_.machine.steal = steal_between(first_->machine, last_.machine);
    if (first_->machine.pressure_us && last_.machine.pressure_us && report_.elapsed.count() > 0) {
        report_.machine.cpu_pressure =
            static_cast<double>(*last_.machine.pressure_us - *first_->machine.pressure_us) * 1e3 /
            static_cast<double>((last_.at - first_->at).count());
    }
}

void describe(const Plan& plan, Report& report) {
    describe_host(report.run);
    PlanInfo& info = report.plan;
    info.kind = name_of(plan.kind);
    info.model = !plan.rate ? Model::closed : plan.poisson ? Model::poisson : Model::constant;
    if (plan.rate) {
        const double rate = plan.rate->mean_rate(plan.warmup, plan.duration);
        info.rate = rate / static_cast<double>(plan.slices);
    }
    if (plan.rate && !plan.rate->is_constant()) info.rate_shape = plan.rate_text;
    info.connections = plan.connections;
    info.threads = plan.threads;
    info.pipeline = plan.pipeline;
    info.duration = plan.duration;
    info.warmup = plan.warmup;
    info.seed = plan.seed;
    info.targets.push_back(plan.target);
    if (plan.server_pid) report.server_name = "pid " + std::to_string(*plan.server_pid);
}

}  // namespace

std::expected<Report, NoRun> run(const Plan& plan, Signals& signals, const Watcher& watcher) {
    EngineOptions options{.cores = plan.threads, .pin = false, .loop = {}};
    // Answers come into memory of the slots.
    options.loop.receive_buffers = 0;
    auto engine = Engine::open(options);
    if (!engine) return std::unexpected(NoRun{explain_ring_error(engine.error()), true});
    auto loop = Loop::open({.submissions = 16, .completions = 128, .receive_buffers = 0});
    if (!loop) return std::unexpected(NoRun{explain_ring_error(loop.error()), true});
    Report report = Control(plan, **engine, **loop, signals, watcher).run();
    describe(plan, report);
    judge(report);
    return report;
}

}  // namespace spate::load
