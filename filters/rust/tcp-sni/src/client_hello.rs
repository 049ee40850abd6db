//! Reads the ClientHello at the beginning of a TLS connection (RFC 8446, sections 4.1.2 and 5.1; RFC 6066; RFC 7301).
//! Nothing here trusts what it reads, and every length is checked to the end: what two programs could read in two ways
//! is no ClientHello.

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const HOST_NAME: u8 = 0;
const MOST_IN_RECORD: usize = 1 << 14;
const MOST_NAME: usize = 253;

#[derive(Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// In lower case: letters, digits, hyphens, underscores and dots.
    pub server_name: Option<String>,
    /// As the client likes them best.
    pub protocols: Vec<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All right so far; more is needed.
    Incomplete,
    Hello(ClientHello),
    /// Not the beginning of TLS.
    Invalid(&'static str),
}

use Outcome::{Hello, Incomplete, Invalid};

/// `data` is all that came so far; a hello of more than `most` bytes is invalid.
pub fn read(data: &[u8], most: usize) -> Outcome {
    let mut message = Vec::new();
    let mut rest = data;
    // Records first: a message may be cut into several.
    while !rest.is_empty() {
        // Each byte is looked at as soon as it is there: what isn't TLS shows with the first.
        if rest[0] != HANDSHAKE {
            return Invalid("no TLS handshake");
        }
        if rest.get(1).is_some_and(|&major| major != 3) {
            return Invalid("not a version of TLS");
        }
        let Some((head, body)) = rest.split_first_chunk::<5>() else { break };
        let size = usize::from(u16::from_be_bytes([head[3], head[4]]));
        if size == 0 || size > MOST_IN_RECORD {
            return Invalid("a record of an impossible size");
        }
        let part = &body[..size.min(body.len())];
        message.extend_from_slice(part);
        match whole(&message, most) {
            Err(reason) => return Invalid(reason),
            Ok(Some(hello)) => return hello_of(hello).map_or_else(Invalid, Hello),
            Ok(None) => rest = &body[part.len()..],
        }
        if part.len() < size {
            break;
        }
    }
    // Tiny records make little of much.
    if data.len() > most.saturating_mul(2) { Invalid("the ClientHello is too long") } else { Incomplete }
}

/// The body of the first handshake message, once it is all there.
fn whole(message: &[u8], most: usize) -> Result<Option<&[u8]>, &'static str> {
    if message.first().is_some_and(|&kind| kind != CLIENT_HELLO) {
        return Err("no ClientHello");
    }
    let Some((head, body)) = message.split_first_chunk::<4>() else { return Ok(None) };
    let size = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
    if size > most {
        return Err("the ClientHello is too long");
    }
    match body.len() {
        have if have < size => Ok(None),
        have if have == size => Ok(Some(body)),
        // A client waits for the server's answer before it sends more.
        _ => Err("something follows the ClientHello in its record"),
    }
}

/// What is left to read of a part whose length is known.
struct Reader<'a>(&'a [u8]);

const SHORT: &str = "a ClientHello with wrong lengths";

impl<'a> Reader<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(size).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, &'static str> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, &'static str> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Behind a length of one byte.
    fn short(&mut self) -> Result<Reader<'a>, &'static str> {
        let size = self.u8()?;
        self.take(usize::from(size)).map(Reader)
    }

    /// Behind a length of two bytes.
    fn long(&mut self) -> Result<Reader<'a>, &'static str> {
        let size = self.u16()?;
        self.take(usize::from(size)).map(Reader)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn end(&self) -> Result<(), &'static str> {
        if self.is_empty() { Ok(()) } else { Err(SHORT) }
    }
}

fn hello_of(body: &[u8]) -> Result<ClientHello, &'static str> {
    let mut body = Reader(body);
    if body.u16()? >> 8 != 3 {
        return Err("not a version of TLS");
    }
    body.take(32)?; // random
    if body.short()?.0.len() > 32 {
        return Err(SHORT); // session id
    }
    let suites = body.long()?.0.len();
    if suites == 0 || suites % 2 != 0 || body.short()?.is_empty() {
        return Err(SHORT); // cipher suites, compression methods
    }
    let mut hello = ClientHello { server_name: None, protocols: Vec::new() };
    // TLS 1.2 knows hellos without any.
    if body.is_empty() {
        return Ok(hello);
    }
    let mut extensions = body.long()?;
    body.end()?;
    let mut seen = Vec::new();
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.long()?;
        if seen.contains(&kind) {
            return Err("an extension that is there twice");
        }
        seen.push(kind);
        match kind {
            SERVER_NAME => hello.server_name = Some(server_name(data)?),
            ALPN => hello.protocols = protocols(data)?,
            _ => {}
        }
    }
    Ok(hello)
}

/// A list that may, by the RFC, have one name of each type, of which there is one.
fn server_name(mut data: Reader) -> Result<String, &'static str> {
    let mut list = data.long()?;
    data.end()?;
    if list.u8()? != HOST_NAME {
        return Err("a server name of an unknown type");
    }
    let name = list.long()?.0;
    list.end()?;
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    if name.is_empty() || name.len() > MOST_NAME || !name.iter().all(is_name) {
        return Err("a server name that is no host name");
    }
    String::from_utf8(name.to_ascii_lowercase()).map_err(|_| SHORT)
}

fn protocols(mut data: Reader) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut list = data.long()?;
    data.end()?;
    let mut all = Vec::new();
    while !list.is_empty() {
        let protocol = list.short()?;
        if protocol.is_empty() {
            return Err(SHORT);
        }
        all.push(protocol.0.to_vec());
    }
    if all.is_empty() { Err(SHORT) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 14;

    fn sized(bytes: usize, part: &[u8]) -> Vec<u8> {
        let size = (part.len() as u32).to_be_bytes();
        [&size[4 - bytes..], part].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &sized(2, data)].concat()
    }

    fn name_extension(name: &[u8]) -> Vec<u8> {
        extension(SERVER_NAME, &sized(2, &[&[HOST_NAME][..], &sized(2, name)].concat()))
    }

    fn alpn_extension(protocols: &[&[u8]]) -> Vec<u8> {
        let list: Vec<u8> = protocols.iter().flat_map(|protocol| sized(1, protocol)).collect();
        extension(ALPN, &sized(2, &list))
    }

    fn message(extensions: Option<&[u8]>) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend(sized(1, &[9; 32]));
        body.extend(sized(2, &[0x13, 0x01, 0x13, 0x02]));
        body.extend(sized(1, &[0]));
        if let Some(extensions) = extensions {
            body.extend(sized(2, extensions));
        }
        [&[CLIENT_HELLO][..], &sized(3, &body)].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [&[HANDSHAKE, 3, 1][..], &sized(2, part)].concat()).collect()
    }

    fn usual() -> Vec<u8> {
        message(Some(
            &[
                extension(0x0a0a, b""),
                name_extension(b"WWW.Example.com"),
                extension(43, &[2, 3, 4]),
                alpn_extension(&[b"h2", b"http/1.1"]),
            ]
            .concat(),
        ))
    }

    fn expected() -> Outcome {
        let protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Hello(ClientHello { server_name: Some("www.example.com".into()), protocols })
    }

    #[test]
    fn in_one_record_or_in_many() {
        for size in [1, 2, 3, 5, 50, 10_000] {
            assert_eq!(read(&records(&usual(), size), MOST), expected(), "{size}");
        }
    }

    #[test]
    fn every_beginning_is_incomplete_and_every_other_end_does_not_matter() {
        for size in [4, 10_000] {
            let all = records(&usual(), size);
            for end in 0..all.len() {
                assert_eq!(read(&all[..end], MOST), Incomplete, "{end}");
            }
            assert_eq!(read(&[all, vec![20, 3, 3, 0, 1, 1]].concat(), MOST), expected());
        }
    }

    #[test]
    fn without_a_name() {
        let none = Hello(ClientHello { server_name: None, protocols: Vec::new() });
        assert_eq!(read(&records(&message(None), 10_000), MOST), none);
        assert_eq!(read(&records(&message(Some(b"")), 10_000), MOST), none);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let wrong = |extensions: &[u8]| matches!(read(&records(&message(Some(extensions)), 10_000), MOST), Invalid(_));
        let name = name_extension(b"a.example");
        assert!(!wrong(&name));
        assert!(wrong(&[name.clone(), name.clone()].concat()));
        let two = sized(2, &[&[0][..], &sized(2, b"a"), &[0], &sized(2, b"b")].concat());
        assert!(wrong(&extension(SERVER_NAME, &two)));
        assert!(wrong(&extension(SERVER_NAME, b"")));
        assert!(wrong(&extension(SERVER_NAME, &[&sized(2, &[&[0][..], &sized(2, b"a")].concat())[..], b"x"].concat())));
        assert!(wrong(&extension(SERVER_NAME, &sized(2, &[&[1][..], &sized(2, b"a")].concat()))));
        for name in [&b""[..], b"a b", b"a\0b", b"a\nb", b"\xff", b"*.example", &[b'a'; 254]] {
            assert!(wrong(&name_extension(name)), "{name:?}");
        }
        for list in [&[][..], &[""], &["h2", ""]] {
            let list: Vec<_> = list.iter().map(|protocol| protocol.as_bytes()).collect();
            assert!(wrong(&alpn_extension(&list)));
        }
        assert!(wrong(&name[..name.len() - 1]));
        let mut trailing = usual();
        trailing.push(0);
        assert!(matches!(read(&records(&trailing, 10_000), MOST), Invalid(_)));
    }

    #[test]
    fn what_is_no_tls_shows_at_once() {
        for text in [&b"G"[..], b"\x80", b"\x15\x03", b"\x16\x02", b"\x16\x03\x01\0\0", b"\x16\x03\x01\xff\xff"] {
            assert!(matches!(read(text, MOST), Invalid(_)), "{text:?}");
        }
        assert!(matches!(read(&records(&[2, 0, 0, 0], 1), MOST), Invalid(_)));
    }

    #[test]
    fn the_size_is_bounded() {
        let large = message(Some(&extension(21, &[0; 20_000])));
        assert_eq!(read(&records(&large, 10_000), MOST), Invalid("the ClientHello is too long"));
        assert!(matches!(read(&records(&large, 10_000), 1 << 16), Hello(_)));
        let tiny = records(&message(Some(&extension(21, &[0; 9_000]))), 1);
        assert_eq!(read(&tiny[..2 * MOST], MOST), Incomplete);
        assert_eq!(read(&tiny[..2 * MOST + 1], MOST), Invalid("the ClientHello is too long"));
    }

    #[test]
    fn changed_bytes_never_panic() {
        let all = records(&usual(), 40);
        let mut random = 1_u64;
        for _ in 0..200_000 {
            let mut changed = all.clone();
            for _ in 0..3 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % changed.len();
                changed[at] = (random >> 24) as u8;
            }
            read(&changed, 256);
        }
    }
}
