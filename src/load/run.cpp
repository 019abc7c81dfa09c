#include "load/run.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <spate/loop.hpp>

#include "load/delivery.hpp"
#include "load/far_end.hpp"
#include "load/far_report.hpp"
#include "load/process_time.hpp"
#include "load/worker.hpp"

namespace spate::load {
namespace {

constexpr auto interval_length = std::chrono::seconds(1);
// Between "all connected" and the first request: every thread hears of it in time.
constexpr auto head_start = std::chrono::milliseconds(5);
// What a far end has at least to tell what it counted.
constexpr auto last_question = std::chrono::milliseconds(500);
// And when a signal has asked to end.
constexpr auto last_words = std::chrono::milliseconds(55);

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

// By how much the wall clock is ahead of the steady one. A thread that is set aside between the two
// looks would be off by that: of a few tries, the quickest counts.
Nanoseconds wall_clock_ahead() {
    Nanoseconds ahead{0};
    Nanoseconds quickest = Nanoseconds::max();
    for (int tries = 0; tries < 5; ++tries) {
        const Nanoseconds before = Clock::now().time_since_epoch();
        const Nanoseconds wall = std::chrono::system_clock::now().time_since_epoch();
        const Nanoseconds took = Clock::now().time_since_epoch() - before;
        if (took >= quickest) continue;
        quickest = took;
        ahead = wall - before - took / 2;
    }
    return ahead;
}

// The thread that was started first: begins the run, collects once a second, ends it.
class Control {
  public:
    Control(const Plan& plan, Engine& engine, Loop& loop, Signals& signals, const Watcher& watcher)
        : plan_(plan), engine_(engine), loop_(loop), signals_(signals), watcher_(watcher) {}

    [[nodiscard]] std::expected<Report, NoRun> run();

  private:
    void start_workers();
    Task<void> open_far_end();
    Task<void> start_far_end();
    Task<void> stop_far_end(TimePoint planned_end);
    Task<void> wind_up();
    void sent_all();
    void report_far_end();
    Task<void> work(std::size_t index);
    Task<void> watch_signals();
    void connected();
    void begin();
    void cut();
    Task<void> keep_time();
    void ask_for_tallies();
    void collect(const Tally& tally);
    void close_interval();
    void ended();
    void end();
    void finish();
    [[nodiscard]] TimePoint first_request();

    const Plan& plan_;
    Engine& engine_;
    Loop& loop_;
    Signals& signals_;
    const Watcher& watcher_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::size_t connected_ = 0;
    std::size_t ended_ = 0;
    std::size_t sent_all_ = 0;
    Nanoseconds wall_ahead_{0};  // of the steady clock, when it all began
    StopSource cut_;             // the run
    StopSource ticking_;         // keep_time()
    StopSource watching_;        // watch_signals()
    TimePoint measured_ = no_deadline;
    TimePoint end_ = no_deadline;
    std::optional<Moment> first_;  // when the measured part began
    Moment last_;                  // when the last interval ended
    std::size_t missing_ = 0;      // threads whose tally of this interval is not in yet
    Tally interval_;
    Tally total_;
    Report report_;
    std::optional<FarEnd> far_end_;
    std::optional<FarCounts> far_counts_;
    std::string far_trouble_;
    std::optional<NoRun> no_run_;
};

std::expected<Report, NoRun> Control::run() {
    for (unsigned index = 0; index < plan_.threads; ++index)
        workers_.push_back(std::make_unique<Worker>(engine_.loop(index), plan_, index));
    if (has_far_end(plan_.kind)) {
        far_end_.emplace(loop_, plan_, [this] { cut(); });
        loop_.spawn(open_far_end(), cut_.token());
    } else {
        start_workers();
    }
    loop_.spawn(watch_signals(), watching_.token());
    loop_.run();
    engine_.join();
    if (no_run_) return std::unexpected(std::move(*no_run_));
    finish();
    return std::move(report_);
}

void Control::start_workers() {
    engine_.start([this](Loop&, std::size_t index) { return work(index); });
}

Task<void> Control::open_far_end() {
    auto opened = co_await far_end_->open();
    if (opened && !report_.cut_short) {
        start_workers();
        co_return;
    }
    no_run_ = NoRun{report_.cut_short ? "interrupted" : opened.error()};
    co_await wind_up();
}

Task<void> Control::start_far_end() {
    // What it sends counts from its start on, which is everybody's.
    const TimePoint start = first_request();
    if (plan_.start_at_ns) {
        const bool slept = co_await loop_.sleep_until(start);
        if (!slept) co_return;
    }
    auto started = co_await far_end_->start();
    if (!started) cut();
    begin();
}

Task<void> Control::stop_far_end(TimePoint planned_end) {
    // A run ends at its time plus the time-out at most, but asks before it gives up.
    const TimePoint now = loop_.now();
    const TimePoint by =
        std::max(later(std::min(now, planned_end), plan_.timeout), later(now, last_question));
    auto counts = co_await far_end_->stop(by, report_.cut_short);
    // It went on until it was told.
    if (only_receives(plan_)) end_ = loop_.now();
    if (counts)
        far_counts_ = *counts;
    else
        far_trouble_ = counts.error();
    for (std::size_t index = 0; index < workers_.size(); ++index)
        engine_.loop(index).post([worker = workers_[index].get()] { worker->release(); });
}

void Control::sent_all() {
    if (++sent_all_ < workers_.size()) return;
    // What follows only waits for what is on its way.
    ticking_.request_stop();
    const TimePoint planned_end = end_;
    end_ = std::min(end_, std::max(measured_, loop_.now()));
    loop_.spawn(stop_far_end(planned_end));
}

Task<void> Control::work(std::size_t index) {
    // A timer that may be 50 us late is of no use to a schedule.
    ::prctl(PR_SET_TIMERSLACK, 1);
    Worker::News news{.connected = [this] { loop_.post([this] { connected(); }); },
                      .sent_all = [this] { loop_.post([this] { sent_all(); }); }};
    auto running = workers_[index]->run(std::move(news));
    co_await running;
    loop_.post([this] { ended(); });
}

Task<void> Control::watch_signals() {
    for (;;) {
        auto signal = co_await signals_.next(loop_);
        if (!signal) break;
        if (report_.cut_short) ::_exit(128 + *signal);
        report_.cut_short = true;
        hurry();
        if (far_end_) far_end_->hurry(later(Clock::now(), last_words));
        cut();
    }
}

void Control::connected() {
    if (++connected_ < workers_.size()) return;
    std::size_t connections = 0;
    for (const auto& worker : workers_)
        connections += worker->connected();
    if (connections == 0) cut();
    if (far_end_ && connections != 0)
        loop_.spawn(start_far_end(), cut_.token());
    else
        begin();
}

TimePoint Control::first_request() {
    wall_ahead_ = wall_clock_ahead();
    // What comes from a far end has been on its way since that agreed.
    const bool comes = has_far_end(plan_.kind) && receives(plan_.direction);
    TimePoint start = Clock::now() + (comes ? Nanoseconds{0} : Nanoseconds(head_start));
    if (plan_.start_at_ns) {
        start = std::max(start, TimePoint(Nanoseconds(*plan_.start_at_ns) - wall_ahead_));
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
    loop_.spawn(keep_time(), ticking_.token());
    report_.run.started_ns = Nanoseconds(measured_.time_since_epoch() + wall_ahead_).count();
    if (watcher_.started && !cut_.stop_requested()) watcher_.started(plan_, report_.run.started_ns);
}

void Control::cut() {
    cut_.request_stop();
    for (std::size_t index = 0; index < workers_.size(); ++index)
        engine_.loop(index).post([worker = workers_[index].get()] { worker->cut(); });
}

// When the measured part begins, and then each second.
Task<void> Control::keep_time() {
    const bool begun = co_await loop_.sleep_until(measured_);
    if (!begun) co_return;
    last_ = moment(plan_);
    first_ = last_;
    if (far_end_) loop_.spawn(far_end_->measure());
    for (TimePoint next = measured_ + interval_length; next < end_; next += interval_length) {
        const bool slept = co_await loop_.sleep_until(next);
        if (!slept) co_return;
        if (missing_ == 0) ask_for_tallies();
    }
}

void Control::ask_for_tallies() {
    missing_ = workers_.size();
    for (std::size_t index = 0; index < workers_.size(); ++index) {
        engine_.loop(index).post([worker = workers_[index].get(), this] {
            loop_.post([this, tally = &worker->take_tally()] { collect(*tally); });
        });
    }
}

void Control::collect(const Tally& tally) {
    interval_.add(tally);
    if (--missing_ != 0) return;
    close_interval();
    if (ended_ == workers_.size()) end();
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
    ticking_.request_stop();
    // A tally that has been asked for holds what nobody else has counted.
    if (missing_ == 0) end();
}

void Control::end() {
    engine_.request_stop();
    loop_.spawn(wind_up());
}

Task<void> Control::wind_up() {
    if (far_end_) co_await far_end_->close();
    loop_.stop();
    watching_.request_stop();
}

void Control::report_far_end() {
    if (!far_end_) return;
    OneWayCounts counts;
    for (const auto& worker : workers_)
        counts += worker->one_way();
    add_far_end(plan_, counts, far_counts_, far_trouble_, report_);
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
        report_.client.late += worker->late();
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
    report_far_end();
    report_.machine.steal = steal_between(first_->machine, last_.machine);
    report_.machine.cpu_pressure =
        pressure_between(first_->machine, last_.machine, (last_.at - first_->at).count());
}

// Nobody else can guess it, so that nobody joins in.
std::uint64_t drawn_id() {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
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
    if (plan.most_backlog != Nanoseconds::max()) info.most_backlog = plan.most_backlog;
    info.duration = plan.duration;
    info.warmup = plan.warmup;
    info.seed = plan.seed;
    info.targets = plan.targets;
    if (plan.server_pid)
        report.server_name = "pid " + std::to_string(*plan.server_pid);
    else if (report.server)
        report.server_name = "far end";
}

}  // namespace

Report unresolved(const Plan& plan, const std::string& why) {
    Report report;
    report.totals = {.planned = 1, .net_error = 1};
    report.errors.push_back({Failure::dns, 1, 0, 0, why});
    report.run.started_ns =
        Nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
    describe(plan, report);
    return report;
}

std::expected<Report, NoRun> run(const Plan& plan, Signals& signals, const Watcher& watcher) {
    EngineOptions options{.cores = plan.threads, .pin = false, .loop = {}};
    // Answers come into memory of the slots.
    options.loop.receive_buffers = 0;
    auto engine = Engine::open(options);
    if (!engine) return std::unexpected(NoRun{explain_ring_error(engine.error()), true});
    auto loop = Loop::open({.submissions = 16,
                            .completions = 128,
                            .receive_buffers = has_far_end(plan.kind) ? 4U : 0U});
    if (!loop) return std::unexpected(NoRun{explain_ring_error(loop.error()), true});
    Plan planned = plan;
    if (has_far_end(plan.kind) && plan.run_id == 0) planned.run_id = drawn_id();
    auto report = Control(planned, **engine, **loop, signals, watcher).run();
    if (!report) return report;
    describe(plan, *report);
    judge(*report);
    return report;
}

}  // namespace spate::load
