//! Asks an HTTP service whether a request may pass, as Envoy's ext_authz does.

mod cache;
mod check;
mod names;
mod settings;

use cache::Cache;
use check::{Decision, Key, Question};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use settings::Settings;
use std::cell::RefCell;
use std::rc::Rc;
use weir_filter::headers::{self, Map};
use weir_filter::metrics::Counter;
use weir_filter::streams::{self, Stream};
use weir_filter::{calls, config, local, log, refuse};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { shared: None }));
}}

struct Root {
    shared: Option<Rc<Shared>>,
}

/// Of all requests of a plugin.
struct Shared {
    settings: Settings,
    cache: Option<RefCell<Cache>>,
    allowed: Counter,
    denied: Counter,
    errors: Counter,
    cached: Counter,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match config::parse(self.get_plugin_configuration()).and_then(|object| Settings::from(&object)) {
            Ok(settings) => {
                self.shared = Some(Rc::new(Shared {
                    cache: settings.cache.as_ref().map(|cache| RefCell::new(Cache::new(cache))),
                    settings,
                    allowed: Counter::new("ext_auth_allowed"),
                    denied: Counter::new("ext_auth_denied"),
                    errors: Counter::new("ext_auth_errors"),
                    cached: Counter::new("ext_auth_cached"),
                }));
                true
            }
            Err(reason) => refuse("ext-auth", &reason),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { shared: self.shared.clone(), call: None, key: None }))
    }
}

struct Exchange {
    /// None only when a host goes on after `on_configure` returned false: then nothing passes.
    shared: Option<Rc<Shared>>,
    call: Option<u32>,
    /// Under what the decision is kept.
    key: Option<Key>,
}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Some(shared) = self.shared.clone() else { return unavailable(403) };
        let settings = &shared.settings;
        let Some(question) = Question::of_request(settings) else { return failed(&shared, "the request can't be read") };
        if let (Some(cache), Some(of)) = (&shared.cache, &settings.cache) {
            let key = question.key(of.per_path);
            if let Some(decision) = cache.borrow_mut().get(&key, now()) {
                shared.cached.increment();
                return apply(&shared, &decision);
            }
            self.key = Some(key);
        }
        self.call = calls::dispatch(&settings.upstream, &question.headers(), settings.timeout);
        match self.call {
            Some(_) => Action::Pause,
            None => failed(&shared, "the call was refused (capabilities: {upstreams: […]} grants the upstream)"),
        }
    }
}

impl Context for Exchange {
    fn on_http_call_response(&mut self, call: u32, _headers: usize, body_size: usize, _trailers: usize) {
        let Some(shared) = self.shared.clone() else { return };
        if self.call.take() != Some(call) {
            return;
        }
        let action = match check::answer(&shared.settings, body_size) {
            Some(decision) => {
                let decision = Rc::new(decision);
                let keep = check::may_be_kept(&decision);
                if let (Some(cache), Some(key), true) = (&shared.cache, self.key, keep) {
                    cache.borrow_mut().put(key, decision.clone(), now());
                }
                apply(&shared, &decision)
            }
            None => failed(&shared, "no answer of the service, or a 5xx"),
        };
        if matches!(action, Action::Continue) {
            streams::resume(Stream::Request);
        }
    }
}

fn now() -> u64 {
    weir_filter::now_nanoseconds().unwrap_or(0)
}

fn apply(shared: &Shared, decision: &Decision) -> Action {
    if decision.status != 200 {
        shared.denied.increment();
        return deny(decision);
    }
    shared.allowed.increment();
    remove_forged(&shared.settings);
    for (name, value) in &decision.headers {
        if !headers::add(Map::Request, name, value) {
            log(LogLevel::Warn, &format!("ext-auth: {name} of the answer can't be put on the request"));
        }
    }
    Action::Continue
}

/// The upstream believes that these come from the service.
fn remove_forged(settings: &Settings) {
    if settings.to_upstream.is_empty() {
        return;
    }
    for (name, _) in headers::pairs(Map::Request).unwrap_or_default() {
        if let Ok(name) = std::str::from_utf8(&name)
            && settings.to_upstream.has(&name.to_ascii_lowercase())
        {
            headers::remove(Map::Request, name);
        }
    }
}

fn deny(decision: &Decision) -> Action {
    let headers: Vec<(&str, &[u8])> = decision.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    local::respond_bytes(decision.status, "ext-auth", &headers, &decision.body);
    Action::Pause
}

/// Nobody decided.
fn failed(shared: &Shared, reason: &str) -> Action {
    shared.errors.increment();
    let settings = &shared.settings;
    let outcome = if settings.allow_on_error { "let pass" } else { "refused" };
    log(LogLevel::Warn, &format!("ext-auth: {}: {reason}; the request is {outcome}", settings.upstream));
    if settings.allow_on_error {
        remove_forged(settings);
        return Action::Continue;
    }
    unavailable(settings.status_on_error)
}

fn unavailable(status: u32) -> Action {
    let body = b"{\"error\":\"unavailable\",\"message\":\"it can't be told whether the request may pass\"}\n";
    let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
    local::respond(status, "ext-auth", &headers, body);
    Action::Pause
}
