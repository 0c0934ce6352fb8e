//! The stand-in for `jobs.Echo`, whose coordinator speaks Java's serialization format.

use std::time::Duration;

use flink_client::mini::{CoordinationRequest, JavaException, MiniJob, MiniProgram, TaskResult};

use super::jobs::Arguments;

const HEAD: [u8; 6] = [0xac, 0xed, 0, 5, b's', b'r'];
const LAST_CLASS: [u8; 2] = [b'x', b'p'];

/// An operator of uid "echo" that answers a request with its text and the number of requests so far; the text "fail" it
/// answers with an exception.
pub(super) fn echo(program: &MiniProgram) -> TaskResult<MiniJob> {
    let args = Arguments::of(program)?;
    let job = MiniJob::new(args.text("name", "echo"))
        .vertex("Source: numbers -> echo -> discard: Writer", args.parallelism(), |task| {
            let mut requests = 0;
            while task.sleep(Duration::from_millis(5))? {
                while let Some(request) = task.next_coordination_request() {
                    answer(request, &mut requests);
                }
            }
            Ok(())
        })
        .operator("numbers")
        .coordinated_operator("echo")
        .operator("discard");
    Ok(args.environment(job))
}

fn answer(request: CoordinationRequest, requests: &mut i32) {
    match text_of(request.bytes()) {
        Some("fail") => {
            request.fail(JavaException::new("java.lang.IllegalArgumentException", "asked to fail"));
        }
        Some(text) => {
            *requests += 1;
            let text = text.to_owned();
            request.respond(response(&text, *requests));
        }
        None => request.fail(JavaException::new("java.lang.ClassCastException", "no jobs.Echo$Request")),
    }
}

/// The bytes of a `jobs.Echo$Request`, as Java writes them.
pub(super) fn request(text: &str) -> Vec<u8> {
    [&HEAD[..], &class("jobs.Echo$Request"), &[0, 1], &text_field(), &LAST_CLASS, b"t", &name(text)].concat()
}

fn response(text: &str, requests: i32) -> Vec<u8> {
    let fields = [&[0, 2, b'I'], &*name("requests"), &*text_field()].concat();
    let values = [&requests.to_be_bytes()[..], b"t", &name(text)].concat();
    [&HEAD[..], &class("jobs.Echo$Response"), &fields, &LAST_CLASS, &values].concat()
}

/// Its text comes last.
fn text_of(request: &[u8]) -> Option<&str> {
    let expected = self::request("");
    let text = request.strip_prefix(&expected[..expected.len() - 2])?;
    std::str::from_utf8(&text[2..]).ok()
}

/// A class of serial version 1 whose objects are plain.
fn class(of: &str) -> Vec<u8> {
    [&*name(of), &1_u64.to_be_bytes(), &[2]].concat()
}

fn text_field() -> Vec<u8> {
    [b"L", &*name("text"), b"t", &*name("Ljava/lang/String;")].concat()
}

fn name(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}
