//! Lets TLS connections pass by the server name that the client asks for. Nothing is decrypted: the name is in the
//! first message.

mod client_hello;
mod settings;

use client_hello::{ClientHello, Outcome};
use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use settings::Settings;
use std::rc::Rc;
use weir_filter::buffers::{self, Buffer};
use weir_filter::metrics::Counter;
use weir_filter::streams::{self, Stream};
use weir_filter::{config, log, properties, refuse};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root { shared: None }));
}}

struct Root {
    shared: Option<Rc<Shared>>,
}

struct Shared {
    settings: Settings,
    allowed: Counter,
    refused: Counter,
    invalid: Counter,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match config::parse(self.get_plugin_configuration()).and_then(|object| Settings::from(&object)) {
            Ok(settings) => {
                self.shared = Some(Rc::new(Shared {
                    settings,
                    allowed: Counter::new("tcp_sni_allowed"),
                    refused: Counter::new("tcp_sni_refused"),
                    invalid: Counter::new("tcp_sni_invalid"),
                }));
                true
            }
            Err(reason) => refuse("tcp-sni", &reason),
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }

    fn create_stream_context(&self, _context_id: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Connection { shared: self.shared.clone(), state: State::Hello }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for it.
    Hello,
    Allowed,
    Closed,
}

struct Connection {
    /// None only when a host goes on after `on_configure` returned false: then nothing passes.
    shared: Option<Rc<Shared>>,
    state: State,
}

impl Context for Connection {}

impl StreamContext for Connection {
    fn on_downstream_data(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.state == State::Hello {
            self.state = match &self.shared {
                Some(shared) => shared.decide(size, end_of_stream),
                None => State::Closed,
            };
            if self.state == State::Closed {
                streams::close(Stream::Downstream);
            }
        }
        if self.state == State::Allowed { Action::Continue } else { Action::Pause }
    }
}

impl Shared {
    fn decide(&self, size: usize, end_of_stream: bool) -> State {
        // Twice that is more than `read` accepts without a decision.
        let data = match size.min(2 * self.settings.most_bytes + 1) {
            0 => Vec::new(),
            size => buffers::get(Buffer::Downstream, size).unwrap_or_default(),
        };
        match client_hello::read(&data, self.settings.most_bytes) {
            Outcome::Incomplete if !end_of_stream => State::Hello,
            Outcome::Incomplete => self.close(self.invalid, "the connection ended before the ClientHello did", ""),
            Outcome::Invalid(reason) => self.close(self.invalid, reason, ""),
            Outcome::Hello(hello) => {
                publish(&hello);
                let name = hello.server_name.as_deref().unwrap_or("");
                match self.settings.check(&hello) {
                    Err(reason) => self.close(self.refused, reason, name),
                    Ok(()) => {
                        self.allowed.increment();
                        log(LogLevel::Info, &format!("tcp-sni: {} asks for {}", client(), shown(name)));
                        State::Allowed
                    }
                }
            }
        }
    }

    fn close(&self, counter: Counter, reason: &str, name: &str) -> State {
        counter.increment();
        log(LogLevel::Info, &format!("tcp-sni: {} closed: {reason}, asks for {}", client(), shown(name)));
        State::Closed
    }
}

fn client() -> String {
    String::from_utf8_lossy(&properties::get("source\0address").unwrap_or_default()).into_owned()
}

fn shown(name: &str) -> &str {
    if name.is_empty() { "no name" } else { name }
}

/// For filters behind, and for the log.
fn publish(hello: &ClientHello) {
    properties::set("weir\0sni", hello.server_name.as_deref().unwrap_or("").as_bytes());
    properties::set("weir\0alpn", &hello.protocols.join(&b','));
}
