//! What Flink keeps in ZooKeeper's leader nodes.

use super::text::from_modified_utf8;
use super::{Object, Stream, Value};

/// Reads a leader node's data: the leader's address, then the id of its term, a `java.util.UUID`.
///
/// `None` if the bytes are something else, such as the empty data of a node without a leader.
pub(crate) fn leader_information(bytes: &[u8]) -> Option<(String, [u8; 16])> {
    let stream = Stream::read(bytes).ok()?;
    let &[Value::Block(address), session_id] = stream.contents() else { return None };
    let (length, address) = address.split_first_chunk()?;
    if usize::from(u16::from_be_bytes(*length)) != address.len() {
        return None;
    }
    Some((from_modified_utf8(address), uuid(&stream, stream.object(session_id)?)?))
}

/// The bytes of a `java.util.UUID`.
pub(crate) fn uuid<'a>(stream: &Stream<'a>, uuid: &Object<'a>) -> Option<[u8; 16]> {
    if stream.name_of(uuid) != b"java.util.UUID" {
        return None;
    }
    let half = |name| stream.field(uuid, name).and_then(Value::as_integer).map(i64::to_be_bytes);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half("mostSigBits")?);
    bytes[8..].copy_from_slice(&half("leastSigBits")?);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use base64::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn leader_nodes_of_every_version_give_address_and_session() {
        for recording in [
            include_str!("../../tests/fixtures/rest/1.20.5/ha-zookeeper-leader-znodes.json"),
            include_str!("../../tests/fixtures/rest/2.3.0/ha-zookeeper-leader-znodes.json"),
        ] {
            let recording: Json = serde_json::from_str(recording).unwrap();
            let nodes = recording["znodes"].as_object().unwrap();
            assert_eq!(nodes.len(), 3);
            for node in nodes.values() {
                let bytes = BASE64_STANDARD.decode(node["base64"].as_str().unwrap()).unwrap();
                let (address, session) = leader_information(&bytes).unwrap();
                assert_eq!(address, node["address"].as_str().unwrap());
                let digits = node["leader_session_id"].as_str().unwrap().replace('-', "");
                assert_eq!(session, *digits.parse::<crate::JobId>().unwrap().as_bytes());
                for end in 0..bytes.len() {
                    assert_eq!(leader_information(&bytes[..end]), None);
                }
            }
        }
    }
}
