//! Lets a request pass only with a valid bearer token: a JWT signed with HS256 and the configured secret.

mod settings;
mod token;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use serde_json::Value;
use settings::Settings;
use std::rc::Rc;
use token::Problem;
use weir_filter::headers::{self, Map};
use weir_filter::{config, local, log, refuse};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { settings: None }));
}}

struct Root {
    settings: Option<Rc<Settings>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match config::parse(self.get_plugin_configuration()).and_then(|object| Settings::from(&object)) {
            Ok(settings) => {
                if settings.secret_is_short {
                    log(LogLevel::Warn, "jwt: the secret has fewer than 32 bytes, less than HS256 asks for");
                }
                self.settings = Some(Rc::new(settings));
                true
            }
            Err(reason) => refuse("jwt", &reason),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { settings: self.settings.clone() }))
    }
}

struct Exchange {
    /// None only when a host goes on after `on_configure` returned false: then nothing passes.
    settings: Option<Rc<Settings>>,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Some(settings) = &self.settings else {
            return deny("weir", &Problem::Invalid("the filter has no configuration"));
        };
        // The upstream believes these headers, so a client must not be able to send them, on no path.
        for (_, header) in &settings.claims_to_headers {
            headers::remove(Map::Request, header);
        }
        if settings.is_exempt(&headers::get(Map::Request, ":path").unwrap_or_default()) {
            return Action::Continue;
        }
        let Some(authorization) = headers::all(Map::Request, "authorization") else {
            return deny(&settings.realm, &Problem::Request("the headers cannot be read"));
        };
        match token::check(settings, &authorization, weir_filter::now()) {
            Ok(claims) => {
                pass_claims(settings, &claims);
                Action::Continue
            }
            Err(problem) => deny(&settings.realm, &problem),
        }
    }
}

fn pass_claims(settings: &Settings, claims: &config::Object) {
    if settings.remove_authorization {
        headers::remove(Map::Request, "authorization");
    }
    for (claim, header) in &settings.claims_to_headers {
        let text = match claims.get(&**claim) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        if !headers::is_value(text.as_bytes()) || !headers::set(Map::Request, header, text.as_bytes()) {
            log(LogLevel::Warn, &format!("jwt: the claim {claim} does not fit into the header {header}"));
        }
    }
}

fn deny(realm: &str, problem: &Problem) -> Action {
    let (error, message) = match problem {
        Problem::Request(message) => ("invalid_request", message),
        Problem::Invalid(message) => ("invalid_token", message),
    };
    let challenge = format!("Bearer realm=\"{realm}\", error=\"{error}\", error_description=\"{message}\"");
    let body = format!("{{\"error\":\"{error}\",\"message\":\"{message}\"}}\n");
    let headers = [
        ("www-authenticate", &*challenge),
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
    ];
    local::respond(401, "jwt", &headers, body.as_bytes());
    Action::Pause
}
