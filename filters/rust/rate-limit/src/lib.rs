//! Answers 429 to who sends more requests than a token bucket allows. The buckets are in the shared data, so that all
//! workers count together.

mod buckets;
mod key;
mod settings;
mod store;
mod trouble;

use buckets::Outcome;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use settings::{Settings, Tell};
use std::rc::Rc;
use store::Problem;
use trouble::Trouble;
use weir_filter::headers::{self, Map};
use weir_filter::metrics::Counter;
use weir_filter::{config, local, log, refuse};

const SECOND: u64 = 1_000_000_000;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { shared: None, trouble: Rc::default() }));
}}

struct Root {
    shared: Option<Rc<Shared>>,
    /// Outlives a configuration.
    trouble: Rc<Trouble>,
}

struct Shared {
    settings: Settings,
    trouble: Rc<Trouble>,
    limited: Counter,
    errors: Counter,
    evicted: Counter,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match config::parse(self.get_plugin_configuration()).and_then(|object| Settings::from(&object)) {
            Ok(settings) => {
                match store::prepare(&settings) {
                    Ok(()) => tell_works(&self.trouble),
                    Err(failed) => {
                        tell_failed(&self.trouble, &settings, &Problem::Store(failed), 0, now());
                    }
                }
                self.shared = Some(Rc::new(Shared {
                    settings,
                    trouble: self.trouble.clone(),
                    limited: Counter::new("rate_limit_limited"),
                    errors: Counter::new("rate_limit_errors"),
                    evicted: Counter::new("rate_limit_evicted"),
                }));
                true
            }
            Err(reason) => refuse("rate-limit", &reason),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { shared: self.shared.clone(), outcome: None }))
    }
}

struct Exchange {
    /// None only when a host goes on after `on_configure` returned false: then nothing passes.
    shared: Option<Rc<Shared>>,
    /// What the response is told.
    outcome: Option<Outcome>,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Some(shared) = &self.shared else { return unavailable() };
        let settings = &shared.settings;
        let now = now();
        match store::take(settings, key::of_request(&settings.key), now) {
            Ok(outcome) => {
                tell_works(&shared.trouble);
                if outcome.allowed && outcome.evicted {
                    shared.evicted.increment();
                }
                if settings.tell == Tell::Always {
                    self.outcome = Some(outcome);
                }
                if outcome.allowed {
                    return Action::Continue;
                }
                shared.limited.increment();
                limited(settings, &outcome)
            }
            Err(problem) => {
                shared.errors.increment();
                tell_failed(&shared.trouble, settings, &problem, 1, now);
                if settings.allow_on_error { Action::Continue } else { unavailable() }
            }
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let (Some(outcome), Some(shared)) = (&self.outcome, &self.shared) {
            for (name, value) in fields(&shared.settings, outcome) {
                headers::set(Map::Response, name, value.as_bytes());
            }
        }
        Action::Continue
    }
}

fn now() -> u64 {
    weir_filter::now_nanoseconds().unwrap_or(0)
}

fn tell_works(trouble: &Trouble) {
    if let Some(line) = trouble.works() {
        log(LogLevel::Info, &format!("rate-limit: {line}"));
    }
}

fn tell_failed(trouble: &Trouble, settings: &Settings, problem: &Problem, requests: u64, now: u64) {
    if let Some(line) = trouble.failed(problem, requests, now) {
        let fate = if settings.allow_on_error { "let pass" } else { "refused" };
        log(LogLevel::Warn, &format!("rate-limit: {line} Requests concerned are {fate}"));
    }
}

/// Seconds, rounded up.
fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(SECOND)
}

fn fields(settings: &Settings, outcome: &Outcome) -> [(&'static str, String); 3] {
    [
        ("x-ratelimit-limit", settings.rate.burst.to_string()),
        ("x-ratelimit-remaining", outcome.remaining.to_string()),
        ("x-ratelimit-reset", seconds(outcome.reset).to_string()),
    ]
}

fn limited(settings: &Settings, outcome: &Outcome) -> Action {
    let retry_after = seconds(outcome.retry_after).max(1).to_string();
    let told = fields(settings, outcome);
    let mut headers =
        vec![("content-type", "application/json"), ("cache-control", "no-store"), ("retry-after", &*retry_after)];
    if settings.tell != Tell::Never {
        headers.extend(told.iter().map(|(name, value)| (*name, &**value)));
    }
    let body = b"{\"error\":\"too_many_requests\",\"message\":\"there were too many requests; try again later\"}\n";
    local::respond(settings.status, "rate-limit", &headers, body);
    Action::Pause
}

fn unavailable() -> Action {
    let body = b"{\"error\":\"unavailable\",\"message\":\"requests can't be counted\"}\n";
    let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
    local::respond(503, "rate-limit", &headers, body);
    Action::Pause
}
