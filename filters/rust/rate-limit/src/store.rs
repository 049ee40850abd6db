//! The buckets in the shared data, exact over all VMs and workers.

use crate::buckets::{self, Outcome, Tag};
use crate::settings::Settings;
use weir_filter::shared_data::{self, Failed};

/// Each time that one writer has to try again another one has succeeded, so this many are a sign of something else.
const MOST_TRIES: usize = 100;

pub enum Problem {
    Store(Failed),
    /// Others were always faster.
    Contention,
}

fn name(settings: &Settings, set: u32) -> String {
    format!("rate-limit/{}/{}", settings.name, set)
}

/// Makes all values, empty, if nobody has. The ABI can't set a value only if there is none, so that two who do it at the
/// same time undo what is written in between: better at start than with the first requests.
pub fn prepare(settings: &Settings) -> Result<(), Failed> {
    let marker = format!("rate-limit/{}", settings.name);
    let sets = settings.sets.to_le_bytes();
    if shared_data::get(&marker)?.is_some_and(|(value, _)| value == sets) {
        return Ok(());
    }
    for set in 0..settings.sets {
        let name = name(settings, set);
        if shared_data::get(&name)?.is_none() {
            shared_data::set(&name, b"", 0)?;
        }
    }
    shared_data::set(&marker, &sets, 0).map(|_| ())
}

/// Takes a token. A request that is refused changes nothing.
pub fn take(settings: &Settings, (tag, number): (Tag, u32), now: u64) -> Result<Outcome, Problem> {
    let name = name(settings, number % settings.sets);
    for _ in 0..MOST_TRIES {
        let Some((mut value, cas)) = shared_data::get(&name).map_err(Problem::Store)? else {
            shared_data::set(&name, b"", 0).map_err(Problem::Store)?;
            continue;
        };
        let outcome = buckets::take(&mut value, &tag, &settings.rate, now);
        if !outcome.allowed || shared_data::set(&name, &value, cas).map_err(Problem::Store)? {
            return Ok(outcome);
        }
    }
    Err(Problem::Contention)
}
