//! Rewrites request and response bodies with regular expressions.

mod rules;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use rules::{Rules, TooLarge};
use std::rc::Rc;
use weir_filter::body::{self, Body};
use weir_filter::headers::{self, Map};
use weir_filter::{config, local, log, refuse};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { rules: Rc::new(Rules::default()) }));
}}

struct Root {
    rules: Rc<Rules>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match config::parse(self.get_plugin_configuration()).and_then(|object| Rules::from(&object)) {
            Ok(rules) => {
                self.rules = Rc::new(rules);
                true
            }
            Err(reason) => refuse("body-rewrite", &reason),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { rules: Rc::clone(&self.rules), request: false, response: false }))
    }
}

struct Exchange {
    rules: Rc<Rules>,
    /// Whether the rest of the request body is to be rewritten. Each direction has a state of its own: an upstream
    /// may answer before the request has come whole, and then the pieces of both bodies alternate.
    request: bool,
    /// Whether the rest of the response body is to be rewritten.
    response: bool,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if !self.rules.response.is_empty() {
            // Otherwise a client could get around the rewriting by asking for a part, or for gzip.
            headers::remove(Map::Request, "range");
            if !self.rules.keep_accept_encoding {
                headers::set(Map::Request, "accept-encoding", b"identity");
            }
        }
        self.request = !end_of_stream && !self.rules.request.is_empty() && self.begin(Map::Request);
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.data(Body::Request, size, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.trailers(Body::Request)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.response = !end_of_stream && !self.rules.response.is_empty() && self.begin(Map::Response);
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.data(Body::Response, size, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.trailers(Body::Response)
    }
}

impl Exchange {
    fn rewriting(&mut self, body: Body) -> &mut bool {
        match body {
            Body::Request => &mut self.request,
            Body::Response => &mut self.response,
        }
    }

    /// Whether this message's body is one to rewrite; if so, what describes the old body goes.
    fn begin(&self, map: Map) -> bool {
        let encoding = headers::get(map, "content-encoding").unwrap_or_default();
        let plain = encoding.is_empty() || encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
        let partial = headers::get(map, "content-range").is_some();
        let kind = headers::get(map, "content-type").unwrap_or_default();
        if !plain || partial || !self.rules.takes(&kind) {
            return false;
        }
        for name in ["content-length", "content-md5", "content-digest", "repr-digest", "digest"] {
            headers::remove(map, name);
        }
        true
    }

    /// Everything is held back until the end: a match may lie across two pieces.
    fn data(&mut self, body: Body, size: usize, end_of_stream: bool) -> Action {
        match (*self.rewriting(body), end_of_stream) {
            (false, _) => Action::Continue,
            (true, false) => Action::Pause,
            (true, true) => self.rewrite(body, size),
        }
    }

    /// A body that trailers follow ends here, without an end_of_stream of its own.
    fn trailers(&mut self, body: Body) -> Action {
        if *self.rewriting(body) { self.rewrite(body, body::size(body)) } else { Action::Continue }
    }

    fn rewrite(&mut self, body: Body, size: usize) -> Action {
        *self.rewriting(body) = false;
        if size == 0 {
            return Action::Continue;
        }
        let result = if size > self.rules.max_body_bytes {
            Err(TooLarge)
        } else {
            let Some(bytes) = body::get(body, size) else {
                log(LogLevel::Error, "body-rewrite: the host does not hand out the body");
                return fail(body, 500);
            };
            self.rules.apply(body, &bytes)
        };
        match result {
            Ok(None) => Action::Continue,
            Ok(Some(new)) if body::replace(body, size, &new) => Action::Continue,
            Ok(Some(_)) => {
                log(LogLevel::Error, "body-rewrite: the host refused the new body");
                fail(body, 500)
            }
            Err(TooLarge) => {
                log(LogLevel::Warn, "body-rewrite: the body is larger than maxBodyBytes, before or after");
                fail(body, 413)
            }
        }
    }
}

/// A body that should have been rewritten must not pass as it is.
fn fail(body: Body, request_status: u32) -> Action {
    let status = if body == Body::Request { request_status } else { 500 };
    local::respond(status, "body-rewrite", &[("content-type", "text/plain")], b"The body could not be rewritten.\n");
    Action::Pause
}
