//! Moves a body, without ever holding more than one piece of it and without waiting: the caller polls.

use wasip2::http::types::{FutureTrailers, IncomingBody, OutgoingBody};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

const PIECE: u64 = 64 * 1024;

// What is derived from a body has to be dropped before it: fields are dropped in this order.
pub struct Pump {
    state: State,
    to: OutputStream,
    target: OutgoingBody,
}

enum State {
    Reading(InputStream, IncomingBody),
    Writing(Vec<u8>, InputStream, IncomingBody),
    /// All was written: trailers may follow.
    Ending(FutureTrailers),
}

impl Pump {
    pub fn new(source: IncomingBody, target: OutgoingBody) -> Option<Pump> {
        let from = source.stream().ok()?;
        let to = target.write().ok()?;
        Some(Pump { state: State::Reading(from, source), to, target })
    }

    /// What to wait for before the next `step`.
    pub fn ready(&self) -> Pollable {
        match &self.state {
            State::Reading(from, _) => from.subscribe(),
            State::Writing(..) => self.to.subscribe(),
            State::Ending(trailers) => trailers.subscribe(),
        }
    }

    /// Moves what can be moved now. None: it is over, one way or the other. An outgoing body that is dropped without
    /// `finish` tells its receiver that it is not whole.
    pub fn step(mut self) -> Option<Pump> {
        loop {
            self.state = match self.state {
                State::Reading(from, source) => match from.read(PIECE) {
                    Ok(piece) if piece.is_empty() => {
                        self.state = State::Reading(from, source);
                        return Some(self);
                    }
                    Ok(piece) => State::Writing(piece, from, source),
                    Err(StreamError::Closed) => {
                        drop(from);
                        State::Ending(IncomingBody::finish(source))
                    }
                    Err(StreamError::LastOperationFailed(_)) => return None,
                },
                State::Writing(piece, from, source) => {
                    let room = self.to.check_write().ok()? as usize;
                    if room == 0 {
                        self.state = State::Writing(piece, from, source);
                        return Some(self);
                    }
                    let (now, later) = piece.split_at(room.min(piece.len()));
                    self.to.write(now).ok()?;
                    if later.is_empty() {
                        // A piece is sent when it is there, not when a buffer is full.
                        self.to.flush().ok()?;
                        State::Reading(from, source)
                    } else {
                        State::Writing(later.to_vec(), from, source)
                    }
                }
                State::Ending(future) => match future.get() {
                    None => {
                        self.state = State::Ending(future);
                        return Some(self);
                    }
                    Some(result) => {
                        let trailers = result.ok()?.ok()?;
                        drop((future, self.to));
                        let _ = OutgoingBody::finish(self.target, trailers);
                        return None;
                    }
                },
            };
        }
    }
}
