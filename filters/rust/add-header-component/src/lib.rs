//! add-header as a component: the module's own rules, and what they need of the host through the world.

mod host;
#[path = "../../add-header/src/rules.rs"]
mod rules;

// The rules are written against these two crates; here they find the same names in `host`.
extern crate self as proxy_wasm;
extern crate self as weir_filter;
pub use host::{config, headers, log, types};

wit_bindgen::generate!({ path: "../../wit/0.1.0/filter.wit", world: "header-filter" });

use exports::weir::filter::http_headers::{Guest, GuestHttpContext, GuestPluginContext, HttpContext};
use headers::Map;
use rules::Rules;
use std::cell::RefCell;
use std::rc::Rc;
use weir::filter::types::Action;

struct Filter;

impl Guest for Filter {
    type PluginContext = Plugin;
    type HttpContext = Exchange;
}

#[derive(Default)]
struct Plugin {
    rules: RefCell<Rc<Rules>>,
}

impl GuestPluginContext for Plugin {
    fn new() -> Plugin {
        Plugin::default()
    }

    fn on_vm_start(&self, _configuration: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn on_configure(&self, configuration: Vec<u8>) -> Result<(), String> {
        let rules = config::parse(Some(configuration)).and_then(|object| Rules::from(&object));
        *self.rules.borrow_mut() = Rc::new(rules.map_err(|reason| format!("wrong configuration: {reason}"))?);
        Ok(())
    }

    fn create_http_context(&self, _id: u32) -> HttpContext {
        HttpContext::new(Exchange { rules: Rc::clone(&self.rules.borrow()) })
    }

    fn on_done(&self) -> bool {
        true
    }

    fn on_log(&self) {}
}

struct Exchange {
    rules: Rc<Rules>,
}

impl GuestHttpContext for Exchange {
    fn on_request_headers(&self, _count: u32, _end_of_stream: bool) -> Action {
        self.rules.request.apply(Map::Request);
        Action::Continue
    }

    fn on_response_headers(&self, _count: u32, _end_of_stream: bool) -> Action {
        self.rules.response.apply(Map::Response);
        Action::Continue
    }

    fn on_done(&self) -> bool {
        true
    }

    fn on_log(&self) {}
}

export!(Filter);
