//! Token buckets in their binary form. Several share one value of the shared data, so that the number of values is
//! bounded whatever clients send: 32 bytes each, a tag (16 bytes of the key's hash), then tokens in millionths and the
//! time of the last refill in nanoseconds since 1970, both little-endian.

/// Buckets in one value.
pub const WAYS: usize = 16;
pub const TAG_SIZE: usize = 16;
const SIZE: usize = TAG_SIZE + 16;
const MICRO: u64 = 1_000_000;
/// Clocks of several machines differ by less; a clock that went back further was set.
const CLOCK_DIFFERENCE: u64 = 1_000_000_000;

pub type Tag = [u8; TAG_SIZE];

/// `requests` in `per` nanoseconds, and up to `burst` at once.
#[derive(Clone, Copy)]
pub struct Rate {
    pub requests: u64,
    pub per: u64,
    pub burst: u64,
}

/// Of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub allowed: bool,
    /// Requests that would pass now.
    pub remaining: u64,
    /// Nanoseconds until the bucket is full.
    pub reset: u64,
    /// Nanoseconds until one request passes; 0 when one would pass now.
    pub retry_after: u64,
    /// Another bucket that was not full had to go.
    pub evicted: bool,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: u64,
    refilled: u64,
}

impl Rate {
    fn capacity(&self) -> u64 {
        self.burst * MICRO
    }

    /// Time in which so many millionths of a token come, rounded up.
    fn time_for(&self, tokens: u64) -> u64 {
        let per_token = u128::from(self.requests) * u128::from(MICRO);
        u64::try_from((u128::from(tokens) * u128::from(self.per)).div_ceil(per_token)).unwrap_or(u64::MAX)
    }

    fn refill(&self, bucket: Bucket, now: u64) -> Bucket {
        let tokens = bucket.tokens.min(self.capacity());
        if now <= bucket.refilled {
            let set_back = bucket.refilled - now > CLOCK_DIFFERENCE;
            return Bucket { tokens, refilled: if set_back { now } else { bucket.refilled } };
        }
        let elapsed = u128::from(now - bucket.refilled);
        let added = elapsed * u128::from(self.requests) * u128::from(MICRO) / u128::from(self.per);
        let missing = self.capacity() - tokens;
        match u64::try_from(added) {
            // What is less than a millionth is not lost: its time counts for the next refill.
            Ok(added) if added < missing => {
                Bucket { tokens: tokens + added, refilled: bucket.refilled + self.time_for(added) }
            }
            _ => Bucket { tokens: self.capacity(), refilled: now },
        }
    }
}

/// Takes a token from the bucket of `tag` in `value`. What changed in `value` counts only if the request is allowed.
pub fn take(value: &mut Vec<u8>, tag: &Tag, rate: &Rate, now: u64) -> Outcome {
    if !value.len().is_multiple_of(SIZE) || value.len() > WAYS * SIZE {
        value.clear(); // nobody of us wrote that
    }
    let full = Bucket { tokens: rate.capacity(), refilled: now };
    let mut evicted = false;
    let (at, mut bucket) = match value.chunks_exact(SIZE).position(|entry| entry.starts_with(tag)) {
        Some(index) => (index * SIZE, rate.refill(read(value, index), now)),
        None => {
            let at = place(value, rate, now, &mut evicted);
            value[at..at + TAG_SIZE].copy_from_slice(tag);
            (at, full)
        }
    };
    let allowed = bucket.tokens >= MICRO;
    if allowed {
        bucket.tokens -= MICRO;
    }
    value[at + TAG_SIZE..at + TAG_SIZE + 8].copy_from_slice(&bucket.tokens.to_le_bytes());
    value[at + TAG_SIZE + 8..at + SIZE].copy_from_slice(&bucket.refilled.to_le_bytes());
    // A part of the time until the next millionth may have gone by since the refill.
    let since = now.saturating_sub(bucket.refilled);
    let until = |tokens: u64| match tokens.saturating_sub(bucket.tokens) {
        0 => 0,
        missing => rate.time_for(missing).saturating_sub(since).max(1),
    };
    Outcome {
        allowed,
        remaining: bucket.tokens / MICRO,
        reset: until(rate.capacity()),
        retry_after: until(MICRO),
        evicted,
    }
}

/// Where a new bucket may go: in place of a full one, which is as good as none; at the end; or in place of the fullest.
fn place(value: &mut Vec<u8>, rate: &Rate, now: u64, evicted: &mut bool) -> usize {
    let count = value.len() / SIZE;
    let fullest = (0..count).max_by_key(|&index| rate.refill(read(value, index), now).tokens);
    let is_full = |index: usize| rate.refill(read(value, index), now).tokens == rate.capacity();
    match fullest {
        Some(index) if is_full(index) => index * SIZE,
        Some(index) if count == WAYS => {
            *evicted = true;
            index * SIZE
        }
        _ => {
            value.resize(value.len() + SIZE, 0);
            count * SIZE
        }
    }
}

fn read(value: &[u8], index: usize) -> Bucket {
    let number = |at: usize| u64::from_le_bytes(value[at..at + 8].try_into().unwrap_or_default());
    let at = index * SIZE + TAG_SIZE;
    Bucket { tokens: number(at), refilled: number(at + 8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const START: u64 = 1_700_000_000 * SECOND;
    const RATE: Rate = Rate { requests: 10, per: SECOND, burst: 5 };

    fn allowed(value: &mut Vec<u8>, tag: u8, now: u64) -> bool {
        take(value, &[tag; TAG_SIZE], &RATE, now).allowed
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut value = Vec::new();
        assert_eq!((0..8).filter(|_| allowed(&mut value, 1, START)).count(), 5);
        let refused = take(&mut value, &[1; TAG_SIZE], &RATE, START);
        let expected =
            Outcome { allowed: false, remaining: 0, reset: SECOND / 2, retry_after: SECOND / 10, evicted: false };
        assert_eq!(refused, expected);
        assert!(!allowed(&mut value, 1, START + SECOND / 10 - 1));
        assert!(allowed(&mut value, 1, START + SECOND / 10));
        assert!(!allowed(&mut value, 1, START + SECOND / 10));
    }

    #[test]
    fn nothing_is_gained_or_lost_by_asking_often() {
        let mut value = Vec::new();
        let passed = (0..1_000_000).filter(|i| allowed(&mut value, 1, START + i * 12_345)).count() as u64;
        let by_rate = 5 + 999_999 * 12_345 * 10 / SECOND;
        assert!((by_rate - 1..=by_rate).contains(&passed), "{passed} of {by_rate}");
        let slow = Rate { requests: 1, per: 86_400 * SECOND, burst: 1 };
        let mut value = Vec::new();
        let times = (0..=86_400).filter(|i| take(&mut value, &[1; TAG_SIZE], &slow, START + i * SECOND).allowed);
        assert_eq!(times.collect::<Vec<_>>(), [0, 86_400]);
    }

    #[test]
    fn the_clock_may_go_back() {
        let mut value = Vec::new();
        while allowed(&mut value, 1, START) {}
        assert!(!allowed(&mut value, 1, START - SECOND / 2));
        assert!(!allowed(&mut value, 1, START - 3600 * SECOND));
        // Refused requests are not written by the filter, here they are: the clock starts anew.
        assert!(allowed(&mut value, 1, START - 3600 * SECOND + SECOND / 10));
        assert!(!allowed(&mut value, 1, 0));
        assert_eq!((0..9).filter(|_| allowed(&mut value, 1, u64::MAX)).count(), 5);
    }

    #[test]
    fn full_buckets_make_room_and_then_the_fullest() {
        let mut value = Vec::new();
        for tag in 0..WAYS as u8 {
            for _ in 0..=tag % 4 + 1 {
                allowed(&mut value, tag, START);
            }
        }
        assert_eq!(value.len(), WAYS * SIZE);
        let outcome = take(&mut value, &[200; TAG_SIZE], &RATE, START);
        assert!(outcome.allowed && outcome.evicted);
        assert_eq!(value.len(), WAYS * SIZE);
        // One with two tokens taken went, those with five are all there.
        for tag in [3, 7, 11, 15] {
            assert!(!allowed(&mut value, tag, START));
        }
        let later = take(&mut value, &[201; TAG_SIZE], &RATE, START + SECOND);
        assert!(later.allowed && !later.evicted);
    }

    #[test]
    fn any_bytes_are_read() {
        for size in 0..600 {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut value = vec![byte; size];
                take(&mut value, &[byte; TAG_SIZE], &RATE, START);
                take(&mut value, &[9; TAG_SIZE], &RATE, START);
                assert!(value.len() <= WAYS * SIZE && value.len() % SIZE == 0);
            }
        }
    }
}
