//! A `wasi:http/proxy` component: answers GET /hello by itself, piece by piece, and forwards everything else.

mod pump;

use pump::Pump;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingRequest, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::poll;

const HEADER: &str = "x-greeter";
const GREETING: [&str; 4] = ["hello", ", ", "world", "\n"];

struct Greeter;

impl Guest for Greeter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        if matches!(request.method(), Method::Get) && path.split('?').next() == Some("/hello") {
            greet(out);
        } else {
            forward(request, out);
        }
    }
}

fn greet(out: ResponseOutparam) {
    let fields = Fields::new();
    let _ = fields.append("content-type", b"text/plain");
    let response = OutgoingResponse::new(fields);
    let Ok(body) = response.body() else { return };
    // The head is sent now; the body follows.
    ResponseOutparam::set(out, Ok(response));
    let Ok(stream) = body.write() else { return };
    for piece in GREETING {
        if stream.blocking_write_and_flush(piece.as_bytes()).is_err() {
            return; // the client left
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn forward(request: IncomingRequest, out: ResponseOutparam) {
    let (future, upload) = match send(&request) {
        Ok(sent) => sent,
        Err(error) => return ResponseOutparam::set(out, Err(error)),
    };
    let mut upload = Some(upload);
    let mut waiting = Some((future, out));
    let mut download = None;
    // Both bodies move at the same time: an upstream may answer before it has read everything.
    while waiting.is_some() || download.is_some() {
        upload = upload.and_then(Pump::step);
        download = download.and_then(Pump::step);
        if let Some((future, out)) = waiting.take() {
            match future.get() {
                None => waiting = Some((future, out)),
                Some(result) => {
                    download = match result.unwrap_or(Err(ErrorCode::InternalError(None))) {
                        Ok(response) => answer(response, out),
                        Err(error) => return ResponseOutparam::set(out, Err(error)),
                    };
                    continue;
                }
            }
        }
        let mut pollables = Vec::new();
        pollables.extend(waiting.iter().map(|(future, _)| future.subscribe()));
        pollables.extend(upload.iter().chain(&download).map(Pump::ready));
        if !pollables.is_empty() {
            poll::poll(&pollables.iter().collect::<Vec<_>>());
        }
    }
}

/// The same request with a header more, on its way.
fn send(request: &IncomingRequest) -> Result<(FutureIncomingResponse, Pump), ErrorCode> {
    let wrong = |what: &str| ErrorCode::InternalError(Some(format!("http-greeter: {what}")));
    let fields = request.headers().clone();
    fields.set(HEADER, &[b"request".to_vec()]).map_err(|_| wrong("the header was refused"))?;
    let copy = OutgoingRequest::new(fields);
    copy.set_method(&request.method()).map_err(|()| wrong("the method was refused"))?;
    copy.set_path_with_query(request.path_with_query().as_deref()).map_err(|()| wrong("the path was refused"))?;
    copy.set_scheme(request.scheme().as_ref()).map_err(|()| wrong("the scheme was refused"))?;
    copy.set_authority(request.authority().as_deref()).map_err(|()| wrong("the authority was refused"))?;
    let body = copy.body().map_err(|()| wrong("no body to write"))?;
    let from = request.consume().map_err(|()| wrong("no body to read"))?;
    let pump = Pump::new(from, body).ok_or_else(|| wrong("no stream"))?;
    Ok((outgoing_handler::handle(copy, None)?, pump))
}

/// The same response with a header more; its body is to follow.
fn answer(response: IncomingResponse, out: ResponseOutparam) -> Option<Pump> {
    let fields = response.headers().clone();
    let _ = fields.set(HEADER, &[b"response".to_vec()]);
    let copy = OutgoingResponse::new(fields);
    let _ = copy.set_status_code(response.status());
    let body = copy.body().ok()?;
    ResponseOutparam::set(out, Ok(copy));
    Pump::new(response.consume().ok()?, body)
}

wasip2::http::proxy::export!(Greeter);
