//! Sets, adds and removes headers of requests and responses.

mod rules;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use rules::Rules;
use std::rc::Rc;
use weir_filter::headers::Map;
use weir_filter::{config, refuse};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
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
            Err(reason) => refuse("add-header", &reason),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { rules: Rc::clone(&self.rules) }))
    }
}

struct Exchange {
    rules: Rc<Rules>,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.rules.request.apply(Map::Request);
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.rules.response.apply(Map::Response);
        Action::Continue
    }
}
