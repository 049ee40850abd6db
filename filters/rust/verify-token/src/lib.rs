//! Lets a request pass when the component behind `acme:auth/verifier` accepts its bearer token.

wit_bindgen::generate!({
    path: ["../../wit/0.1.0/filter.wit", "../static-verifier/wit", "wit"],
    world: "weir:verify-token/verify-token",
    generate_all,
});

use acme::auth::verifier;
use exports::weir::filter::http_request_headers::{Guest, GuestHttpContext, GuestPluginContext, HttpContext};
use std::cell::RefCell;
use std::rc::Rc;
use weir::filter::http_stream::{self, LocalResponse};
use weir::filter::logging::{self, LogLevel};
use weir::filter::{headers, types::Action, types::MapType};

const SUBJECT: &str = "x-subject";

struct Filter;

impl Guest for Filter {
    type PluginContext = Plugin;
    type HttpContext = Exchange;
}

#[derive(Default)]
struct Plugin {
    /// The scope that a token needs; empty: any good token will do.
    scope: RefCell<Rc<str>>,
}

impl GuestPluginContext for Plugin {
    fn new() -> Plugin {
        Plugin::default()
    }

    fn on_vm_start(&self, _configuration: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn on_configure(&self, configuration: Vec<u8>) -> Result<(), String> {
        let scope = String::from_utf8(configuration).map_err(|_| "the scope is not UTF-8")?;
        if scope.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            return Err("the configuration is the name of a scope: letters, digits and dashes, or nothing".into());
        }
        *self.scope.borrow_mut() = scope.into();
        Ok(())
    }

    fn create_http_context(&self, _id: u32) -> HttpContext {
        HttpContext::new(Exchange { scope: Rc::clone(&self.scope.borrow()) })
    }

    fn on_done(&self) -> bool {
        true
    }

    fn on_log(&self) {}
}

struct Exchange {
    scope: Rc<str>,
}

impl Exchange {
    /// The subject, or why there is none.
    fn verify(&self) -> Result<String, String> {
        let header = headers::get(MapType::RequestHeaders, "authorization").ok_or("no authorization")?;
        let text = String::from_utf8(header).map_err(|_| "authorization is not UTF-8")?;
        let (scheme, token) = text.split_once(' ').ok_or("authorization has no token")?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err("authorization is not a bearer token".into());
        }
        if self.scope.is_empty() {
            return verifier::check(token.trim());
        }
        let claims = verifier::open(token.trim())?;
        if !claims.has_scope(&self.scope) {
            return Err(format!("{} lacks the scope {}", claims.subject(), self.scope));
        }
        Ok(claims.subject())
    }
}

impl GuestHttpContext for Exchange {
    fn on_request_headers(&self, _count: u32, _end_of_stream: bool) -> Action {
        match self.verify() {
            // In place of what the client sent.
            Ok(subject) if headers::set(MapType::RequestHeaders, SUBJECT, subject.as_bytes()).is_ok() => {
                Action::Continue
            }
            Ok(_) => refuse("the subject is no header value"),
            Err(reason) => refuse(&reason),
        }
    }

    fn on_done(&self) -> bool {
        true
    }

    fn on_log(&self) {}
}

fn refuse(reason: &str) -> Action {
    logging::log(LogLevel::Info, &format!("verify-token: {reason}"));
    let response = LocalResponse::new(401);
    let _ = response.append_header("www-authenticate", b"Bearer");
    let _ = response.append_header("content-type", b"text/plain");
    let _ = response.set_body(b"a valid bearer token is needed\n");
    response.set_details(reason);
    if http_stream::send_local_response(response).is_err() {
        // Never let it pass for want of an answer.
        let _ = http_stream::close(weir::filter::types::StreamType::Request);
    }
    Action::Pause
}

export!(Filter);
