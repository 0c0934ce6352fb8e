//! A jar of 200 MB, beside curl: time and memory.
//!
//! `cargo bench --bench upload`. Each upload is a process of its own, so that its memory can be told.

mod support;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use support::clients::ours;
use support::process::{self, Taken, mebibytes};
use support::server::{Answer, Server, json};

const ROUNDS: usize = 7;

fn jar(path: &Path, bytes: usize) -> io::Result<()> {
    let mut file = File::create(path)?;
    // Nothing that anybody could compress or leave out.
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut block = Vec::with_capacity(1 << 20);
    for written in (0..bytes).step_by(1 << 20) {
        block.clear();
        while block.len() < (bytes - written).min(1 << 20) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            block.extend_from_slice(&seed.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    file.sync_all()
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|given| given == "--upload") {
        let jar = ours(&arguments[at + 1]).upload_jar(&arguments[at + 2]).wait().expect("an upload");
        assert_eq!(jar, "1_a.jar");
        process::tell_peak();
        return Ok(());
    }
    let (bytes, rounds) =
        if arguments.iter().any(|given| given == "--bench") { (200_000_000, ROUNDS) } else { (1_000_000, 1) };
    let (uploaded, none) = (
        json(r#"{"filename":"/tmp/flink-web-upload/1_a.jar","status":"success"}"#),
        json(r#"{"address":"http://127.0.0.1","files":[]}"#),
    );
    let server =
        Server::start(move |method, _| Answer::clone(if method == "POST" { &uploaded } else { &none }))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("a.jar");
    jar(&file, bytes)?;

    let ours = || process::run(process::again("--upload").arg(server.url()).arg(&file));
    let curl = || {
        let form = format!("jarfile=@{}", file.display());
        process::run(
            Command::new("curl").args(["-sSf", "-F", &form]).arg(format!("{}/jars/upload", server.url())),
        )
    };
    // In turns, so that what else the machine does meets both.
    let taken: Vec<(Taken, Taken)> = (0..rounds).map(|_| (ours(), curl())).collect();
    let seconds = |taken: &Taken| taken.time.as_secs_f64();
    let ratio = process::median(taken.iter().map(|(ours, curl)| seconds(ours) / seconds(curl)));
    println!("| a jar of {} MB | flink-client | curl | ratio | at most |", bytes / 1_000_000);
    println!("|---|---:|---:|---:|---:|");
    println!(
        "| time, with the process's start | {:.0} ms | {:.0} ms | {ratio:.2} | 1.2 × |",
        process::median(taken.iter().map(|(ours, _)| seconds(ours))) * 1e3,
        process::median(taken.iter().map(|(_, curl)| seconds(curl))) * 1e3,
    );
    println!(
        "| most resident memory | {} | {} | | 16 MiB |",
        mebibytes(taken.iter().map(|(ours, _)| ours.resident).max().unwrap_or_default()),
        mebibytes(taken.iter().map(|(_, curl)| curl.resident).max().unwrap_or_default()),
    );
    Ok(())
}
