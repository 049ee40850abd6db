//! Decisions, for a while: the least recently used one goes first.

use crate::check::{Decision, Key};
use crate::settings::CacheSettings;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Larger ones are not kept.
const MOST_BYTES: usize = 4096;
/// Of all together; a VM has 16 MiB by default.
const MOST_BYTES_OF_ALL: usize = 4 << 20;
/// What an entry takes beside its texts, roughly.
const OVERHEAD: usize = 256;

struct Entry {
    decision: Rc<Decision>,
    bytes: usize,
    /// Nanoseconds since 1970; a clock that is before `from` was set back.
    from: u64,
    until: u64,
    used: u64,
}

pub struct Cache {
    ttl: u64,
    entries: usize,
    bytes: usize,
    by_key: BTreeMap<Key, Entry>,
    /// Counts up with each use.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
}

impl Cache {
    pub fn new(settings: &CacheSettings) -> Cache {
        let (by_key, by_use) = (BTreeMap::new(), BTreeMap::new());
        Cache { ttl: settings.ttl, entries: settings.entries, bytes: 0, by_key, by_use, uses: 0 }
    }

    pub fn get(&mut self, key: &Key, now: u64) -> Option<Rc<Decision>> {
        let entry = self.by_key.get_mut(key)?;
        if !(entry.from..entry.until).contains(&now) {
            self.remove(key);
            return None;
        }
        self.uses += 1;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.uses, *key);
        entry.used = self.uses;
        Some(entry.decision.clone())
    }

    pub fn put(&mut self, key: Key, decision: Rc<Decision>, now: u64) {
        self.remove(&key);
        let texts = decision.headers.iter().map(|(name, value)| name.len() + value.len() + 48);
        let bytes = OVERHEAD + decision.body.len() + texts.sum::<usize>();
        if bytes > MOST_BYTES {
            return;
        }
        while self.by_key.len() >= self.entries || self.bytes + bytes > MOST_BYTES_OF_ALL {
            let Some((_, oldest)) = self.by_use.first_key_value() else { return };
            self.remove(&oldest.clone());
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key);
        let until = now.saturating_add(self.ttl);
        self.by_key.insert(key, Entry { decision, bytes, from: now, until, used: self.uses });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: usize) -> Cache {
        Cache::new(&CacheSettings { ttl: 10, entries, per_path: true })
    }

    fn decision(status: u32, size: usize) -> Rc<Decision> {
        Rc::new(Decision { status, headers: Vec::new(), body: vec![0; size] })
    }

    #[test]
    fn until_the_time_is_over_or_was_set_back() {
        let mut cache = cache(4);
        for (now, found) in [(100, true), (109, true), (110, false), (99, false)] {
            cache.put([1; 32], decision(200, 0), 100);
            assert_eq!(cache.get(&[1; 32], now).is_some(), found, "{now}");
        }
        assert_eq!((cache.by_key.len(), cache.by_use.len(), cache.bytes), (0, 0, 0));
    }

    #[test]
    fn the_least_recently_used_goes() {
        let mut cache = cache(3);
        for i in 1..=3 {
            cache.put([i; 32], decision(200, 0), 0);
        }
        cache.get(&[1; 32], 1);
        cache.put([4; 32], decision(403, 0), 1);
        cache.put([4; 32], decision(200, 0), 1);
        let there: Vec<_> = (1..=4).filter(|&i| cache.get(&[i; 32], 2).is_some()).collect();
        assert_eq!(there, [1, 3, 4]);
        assert_eq!(cache.get(&[4; 32], 2).map(|decision| decision.status), Some(200));
        assert_eq!(cache.by_key.len(), cache.by_use.len());
    }

    #[test]
    fn bytes_are_bounded() {
        let mut cache = cache(100_000);
        cache.put([0; 32], decision(403, MOST_BYTES), 0);
        assert!(cache.get(&[0; 32], 0).is_none());
        for i in 0..5000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&i.to_le_bytes());
            cache.put(key, decision(403, 2000), 0);
            assert!(cache.bytes <= MOST_BYTES_OF_ALL);
        }
        assert!(cache.by_key.len() > 1000);
    }
}
