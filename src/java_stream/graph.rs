//! The id of the job in a serialised graph.

use super::{Stream, Value};

/// The graphs of Flink: the classes that keep the job's id, and the field that has it.
const GRAPHS: [(&[u8], &str); 2] = [
    (b"org.apache.flink.runtime.jobgraph.JobGraph", "jobID"),
    (b"org.apache.flink.streaming.api.graph.StreamGraph", "jobId"),
];

/// The id of the job that a serialised `JobGraph` or `StreamGraph` describes.
///
/// `None` if the bytes are something else, cannot be read, or the graph has no id.
pub(crate) fn graph_job_id(bytes: &[u8]) -> Option<[u8; 16]> {
    let stream = Stream::read(bytes).ok()?;
    let graph = stream.object(*stream.contents().first()?)?;
    let id = GRAPHS
        .iter()
        .find_map(|(class, field)| stream.field_of(stream.level(graph, class)?, field))
        .and_then(|id| stream.object(id))?;
    let half = |name| {
        let level = stream.level(id, b"org.apache.flink.util.AbstractID")?;
        stream.field_of(level, name).and_then(Value::as_integer).map(i64::to_be_bytes)
    };
    // Written as text, the lower half comes first.
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half("lowerPart")?);
    bytes[8..].copy_from_slice(&half("upperPart")?);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPPER: u64 = 0x0102_0304_0506_0708;
    const LOWER: u64 = 0xf102_0304_0506_0708;

    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        out.extend(text.as_bytes());
    }

    /// A class description up to its superclass: name, serialVersionUID, `SC_SERIALIZABLE`, and fields.
    fn class(out: &mut Vec<u8>, name: &str, fields: &[(u8, &str, &str)]) {
        out.push(0x72);
        text(out, name);
        out.extend([0, 0, 0, 0, 0, 0, 0, 1, 2]);
        out.extend(u16::try_from(fields.len()).unwrap().to_be_bytes());
        for (code, field, of) in fields {
            out.push(*code);
            text(out, field);
            if *code == b'L' {
                out.push(0x74);
                text(out, of);
            }
        }
        out.push(0x78);
    }

    fn graph(name: &str, field: &str) -> Vec<u8> {
        let mut out = vec![0xac, 0xed, 0, 5, 0x73];
        class(&mut out, name, &[(b'L', field, "Lorg/apache/flink/api/common/JobID;")]);
        out.extend([0x70, 0x73]);
        class(&mut out, "org.apache.flink.api.common.JobID", &[]);
        class(
            &mut out,
            "org.apache.flink.util.AbstractID",
            &[(b'J', "lowerPart", ""), (b'J', "upperPart", "")],
        );
        out.push(0x70);
        out.extend(LOWER.to_be_bytes());
        out.extend(UPPER.to_be_bytes());
        out
    }

    #[test]
    fn both_kinds_of_graph_name_their_job() {
        let expected = (u128::from(LOWER) << 64 | u128::from(UPPER)).to_be_bytes();
        for (name, field) in [
            ("org.apache.flink.runtime.jobgraph.JobGraph", "jobID"),
            ("org.apache.flink.streaming.api.graph.StreamGraph", "jobId"),
        ] {
            assert_eq!(graph_job_id(&graph(name, field)), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_no_whole_graph_names_none() {
        assert_eq!(graph_job_id(b""), None);
        assert_eq!(graph_job_id(b"no graph at all"), None);
        assert_eq!(graph_job_id(&graph("com.acme.Graph", "jobID")), None);
        assert_eq!(graph_job_id(&graph("org.apache.flink.runtime.jobgraph.JobGraph", "id")), None);
        let whole = graph("org.apache.flink.runtime.jobgraph.JobGraph", "jobID");
        for end in 0..whole.len() {
            assert_eq!(graph_job_id(&whole[..end]), None, "{end}");
        }
    }
}
