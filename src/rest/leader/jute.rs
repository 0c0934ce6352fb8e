//! ZooKeeper's messages, as far as one look at one node needs them.
//!
//! A message is its length in four bytes and then a record: numbers are big-endian, texts and bytes stand behind their
//! length, and -1 is the length of none. What comes from the network is compared with what is there before any length
//! in it is believed.

use std::time::Duration;

/// The number of the reply to an authorization.
pub(super) const AUTHORIZATION: i32 = -4;

const GET_DATA: i32 = 4;
const AUTHORIZE: i32 = 100;
const CLOSE_SESSION: i32 = -11;

/// ZooKeeper's own codes for why it does not do something.
pub(super) mod code {
    pub(in crate::rest::leader) const OK: i32 = 0;
    pub(in crate::rest::leader) const BAD_ARGUMENTS: i32 = -8;
    pub(in crate::rest::leader) const NO_NODE: i32 = -101;
    pub(in crate::rest::leader) const NO_AUTH: i32 = -102;
    pub(in crate::rest::leader) const AUTH_FAILED: i32 = -115;
    pub(in crate::rest::leader) const WANTS_SASL: i32 = -124;
}

/// What a client opens its session with.
pub(super) fn connect(session_timeout: Duration) -> Vec<u8> {
    const NEW_SESSION: i64 = 0;
    let millis = i32::try_from(session_timeout.as_millis()).unwrap_or(i32::MAX);
    let mut message = Message::default();
    // Protocol version, and the last change that the client has seen.
    message.int(0).long(0);
    message.int(millis).long(NEW_SESSION).bytes(&[0; 16]);
    // A server that has lost the others would only tell what it knew.
    let reads_stale = 0;
    message.0.push(reads_stale);
    message.finish()
}

/// Says who the client is.
pub(super) fn authorize(scheme: &str, credentials: &[u8]) -> Vec<u8> {
    let mut message = Message::default();
    message.int(AUTHORIZATION).int(AUTHORIZE);
    message.int(0).bytes(scheme.as_bytes()).bytes(credentials);
    message.finish()
}

/// Asks for a node's data.
pub(super) fn get_data(number: i32, path: &str) -> Vec<u8> {
    let mut message = Message::default();
    message.int(number).int(GET_DATA).bytes(path.as_bytes());
    let watch = 0;
    message.0.push(watch);
    message.finish()
}

/// Ends the session.
pub(super) fn close(number: i32) -> Vec<u8> {
    let mut message = Message::default();
    message.int(number).int(CLOSE_SESSION);
    message.finish()
}

#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn int(&mut self, number: i32) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn long(&mut self, number: i64) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        // They are a configuration's values.
        self.int(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        self.0.extend(bytes);
        self
    }

    fn finish(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &self.0].concat()
    }
}

/// Whether a server that was connected to has opened a session. `None` if this is no such answer.
pub(super) fn connected(record: &[u8]) -> Option<bool> {
    let mut reader = Reader(record);
    let _protocol_version = reader.int()?;
    let session_timeout = reader.int()?;
    let _session_id: [u8; 8] = reader.fixed()?;
    let _password = reader.bytes()?;
    // Servers of 3.4 and newer add whether they serve reads only, which was not asked for.
    Some(session_timeout > 0)
}

/// The answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) number: i32,
    pub(super) code: i32,
    body: &'a [u8],
}

/// `None` if this is no reply.
pub(super) fn reply(record: &[u8]) -> Option<Reply<'_>> {
    let mut reader = Reader(record);
    let number = reader.int()?;
    let _last_change: [u8; 8] = reader.fixed()?;
    let code = reader.int()?;
    Some(Reply { number, code, body: reader.0 })
}

impl<'a> Reply<'a> {
    /// The data of the node that was asked for. `None` if this is something else.
    pub(super) fn data(&self) -> Option<&'a [u8]> {
        /// What ZooKeeper tells of a node besides: times, versions, its owner, sizes.
        const STATISTICS: usize = 68;
        let mut reader = Reader(self.body);
        let data = reader.bytes()?;
        (reader.0.len() == STATISTICS).then_some(data)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn int(&mut self) -> Option<i32> {
        self.fixed().map(i32::from_be_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = match self.int()? {
            -1 => 0,
            length => usize::try_from(length).ok()?,
        };
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_as_the_protocol_has_them() {
        let connect = connect(Duration::from_secs(4));
        assert_eq!(connect.len(), 4 + 45);
        assert_eq!(connect[..4], [0, 0, 0, 45]);
        assert_eq!(connect[16..20], 4000_i32.to_be_bytes());
        assert_eq!(connect[28..32], [0, 0, 0, 16]);
        assert_eq!(get_data(1, "/a"), *b"\0\0\0\x0f\0\0\0\x01\0\0\0\x04\0\0\0\x02/a\0");
        assert_eq!(close(2), *b"\0\0\0\x08\0\0\0\x02\xff\xff\xff\xf5");
        assert_eq!(
            authorize("digest", b"u:p"),
            *b"\0\0\0\x1d\xff\xff\xff\xfc\0\0\0\x64\0\0\0\0\0\0\0\x06digest\0\0\0\x03u:p"
        );
    }

    #[test]
    fn a_session_is_open_if_it_has_time() {
        let answer = |timeout: i32| {
            [&[0; 4][..], &timeout.to_be_bytes(), &[7; 8], &16_i32.to_be_bytes(), &[0; 16], &[0]].concat()
        };
        assert_eq!(connected(&answer(4000)), Some(true));
        assert_eq!(connected(&answer(0)), Some(false));
        assert_eq!(connected(&answer(4000)[..35]), None);
        // Servers before 3.4 do not say whether they are read-only.
        assert_eq!(connected(&answer(4000)[..36]), Some(true));
    }

    fn answer(code: i32, data: Option<&[u8]>) -> Vec<u8> {
        let mut message = Message::default();
        message.int(1).long(9).int(code);
        if let Some(data) = data {
            message.bytes(data);
            message.0.extend([0; 68]);
        }
        message.0
    }

    #[test]
    fn a_reply_has_a_node_s_data_or_says_why_not() {
        let bytes = answer(code::OK, Some(b"abc"));
        let there = reply(&bytes).unwrap();
        assert_eq!((there.number, there.code, there.data()), (1, code::OK, Some(&b"abc"[..])));
        let bytes = answer(code::NO_NODE, None);
        let missing = reply(&bytes).unwrap();
        assert_eq!((missing.code, missing.data()), (code::NO_NODE, None));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_none_are_taken_for_data_that_are_cut_off(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            data in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = connected(&noise);
            let _ = reply(&noise).map(|reply| reply.data().map(<[u8]>::len));
            let whole = answer(code::OK, Some(&data));
            prop_assert_eq!(reply(&whole).unwrap().data(), Some(&data[..]));
            for end in 0..whole.len() {
                prop_assert_eq!(reply(&whole[..end]).and_then(|reply| reply.data()), None);
            }
        }
    }
}
