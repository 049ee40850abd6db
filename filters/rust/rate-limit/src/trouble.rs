//! What the log is told of a store that fails: not each request.

use crate::store::Problem;
use std::cell::Cell;
use weir_filter::shared_data::Failed;

const MINUTE: u64 = 60_000_000_000;
/// Status of the ABI: also what a host says to who has not been granted the hostcall.
const INTERNAL_FAILURE: u32 = 10;

/// At most one warning a minute, whatever fails and works in turn; times are nanoseconds since 1970.
#[derive(Default)]
pub struct Trouble {
    reached: Cell<bool>,
    warned_at: Cell<Option<u64>>,
    /// A warning was logged, and not yet that it works again.
    open: Cell<bool>,
    /// Requests that failed since the last line.
    requests: Cell<u64>,
}

impl Trouble {
    /// The warning that is due now. `requests`: how many are concerned, 0 at start.
    pub fn failed(&self, problem: &Problem, requests: u64, now: u64) -> Option<String> {
        if matches!(problem, Problem::Contention) {
            self.reached.set(true);
        }
        let count = self.requests.get() + requests;
        // A clock that was set, back or forth, delays no warning for longer than that.
        if self.warned_at.get().is_some_and(|at| now.abs_diff(at) < MINUTE) {
            self.requests.set(count);
            return None;
        }
        self.warned_at.set(Some(now));
        self.open.set(true);
        self.requests.set(0);
        let reason = self.reason(problem);
        Some(match count {
            0 | 1 => reason,
            _ => format!("{reason} {count} requests were concerned since the last line about it."),
        })
    }

    /// The line for the log, if a warning was the last.
    pub fn works(&self) -> Option<String> {
        self.reached.set(true);
        if !self.open.replace(false) {
            return None;
        }
        let count = self.requests.replace(0);
        Some(format!("the shared data can be used again; {count} more requests were concerned since the last warning"))
    }

    fn reason(&self, problem: &Problem) -> String {
        match problem {
            Problem::Contention => "others were always faster.".into(),
            Problem::Store(Failed(status)) if self.reached.get() => {
                format!("the store of the shared data can't be reached (status {status}).")
            }
            Problem::Store(Failed(status)) => {
                let hint = match *status {
                    INTERNAL_FAILURE => "; is it granted (capabilities: {sharedData: true}), and its store reachable?",
                    _ => ".",
                };
                format!("the shared data can't be used (status {status}){hint}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: Problem = Problem::Store(Failed(10));

    #[test]
    fn one_warning_a_minute_then_one_line() {
        let trouble = Trouble::default();
        assert!(trouble.failed(&AWAY, 0, 5).unwrap().contains("is it granted"));
        assert!((0..50).all(|i| trouble.failed(&AWAY, 1, 5 + i).is_none()));
        assert!(trouble.failed(&AWAY, 1, 5 + MINUTE).unwrap().contains("reachable? 51 requests"));
        assert_eq!(trouble.failed(&AWAY, 1, MINUTE), None);
        assert!(trouble.works().unwrap().contains("; 1 more requests"));
        assert_eq!(trouble.works(), None);
    }

    #[test]
    fn in_turn_it_is_no_more() {
        let trouble = Trouble::default();
        assert_eq!(trouble.works(), None);
        let lines = |now: u64| [trouble.failed(&AWAY, 1, now), trouble.works()].into_iter().flatten().count();
        assert_eq!((0..100).map(|i| lines(MINUTE + i)).sum::<usize>(), 2);
        let warning = trouble.failed(&AWAY, 1, 3 * MINUTE).unwrap();
        assert!(warning.contains("can't be reached (status 10). 100 requests"), "{warning}");
        assert!(trouble.failed(&AWAY, 1, 0).is_some(), "a clock that was set back");
    }
}
