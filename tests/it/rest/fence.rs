//! No path of a sender's is one of this machine's, however it is written: not an upload's name, not a savepoint's place,
//! not a jar's id. More of it: `PROPTEST_CASES=100000 cargo test --test it rest::fence`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flink_client::mini::{MiniCluster, MiniClusterConfiguration, MiniJob};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::support::{Connection, ask, form, with};

/// A cluster in a folder of its own, beside things that nobody may touch.
struct Fenced {
    cluster: MiniCluster,
    folder: tempfile::TempDir,
    before: BTreeSet<PathBuf>,
    jars: PathBuf,
}

fn everything_in(folder: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(everything_in(&path));
        }
        all.insert(path);
    }
    all
}

impl Fenced {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["savepoints", "outside", "outside/deep"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["secret", "outside/secret", "outside/_metadata", "outside/deep/_metadata"] {
            fs::write(folder.path().join(name), "hunter2").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("outside"), folder.path().join("savepoints/link"))
            .unwrap();
        let configuration =
            MiniClusterConfiguration::new().rest_savepoints_below(folder.path().join("savepoints"));
        let cluster = with(configuration);
        // Where jars are, an upload tells.
        let jar =
            Connection::to(&cluster).send(form("/jars/upload", &[("a", Some("a.jar"), b"PK")])).answer();
        let jar = PathBuf::from(jar.json()["filename"].as_str().unwrap());
        let before = everything_in(folder.path());
        Self { cluster, folder, before, jars: jar.parent().unwrap().to_owned() }
    }

    #[track_caller]
    fn assert_sound(&self, what: &dyn std::fmt::Debug) {
        let answer = ask(&self.cluster, "GET", "/overview", None);
        assert_eq!(answer.status, 200, "{what:?}");
        let now = everything_in(self.folder.path());
        let may = |path: &&PathBuf| path.starts_with(self.folder.path().join("savepoints"));
        let changed: Vec<_> = now.symmetric_difference(&self.before).filter(|path| !may(path)).collect();
        assert!(changed.is_empty(), "{what:?}: {changed:?}");
        for entry in fs::read_dir(&self.jars).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            // Each upload is told from the others by what stands before its own name.
            assert!(name.len() > 36 && entry.file_type().unwrap().is_file(), "{what:?}: {name}");
        }
    }
}

fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value)) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let tested = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
}

const JOB: &str = "/jobs/00000000000000000000000000000001";

/// Paths as those write them who want to be elsewhere.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(vec![
            "/", "//", "..", ".", "../", "/../", "outside", "deep", "secret", "savepoints", "link", "/link/..", "_metadata",
            "file:", "file://", "file:///", "hdfs://", "%2e%2e", "%2F", "\\", "..\\", "\0", " ", "\n", "C:", "~", "é", "nul", "",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

#[test]
fn no_upload_has_a_path_of_the_senders() {
    let fenced = Fenced::new();
    run((path(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..50)), |(name, jar, content)| {
        // Quotes and line ends would end the header that the name is in, which is another test's.
        let name: String = name.chars().filter(|c| !matches!(c, '"' | '\r' | '\n' | '\0')).collect();
        let name = if jar { format!("{name}.jar") } else { name };
        for path in ["/jars/upload", "/jobs", "/overview", "/jobs/x/y"] {
            let sent = form(path, &[("jarfile", Some(&name), &content)]);
            let answer = Connection::to(&fenced.cluster).send(sent).answer();
            if let (200, "/jars/upload") = (answer.status, path) {
                let stored = PathBuf::from(answer.json()["filename"].as_str().unwrap());
                assert_eq!(stored.parent().unwrap(), fenced.jars, "{name:?}");
                assert_eq!(fs::read(&stored).unwrap(), content, "{name:?}");
                fs::remove_file(stored).unwrap();
            } else {
                assert!(answer.status >= 400, "{name:?}: {answer:?}");
            }
        }
        // Whatever was refused is gone again: the first jar alone is left.
        assert_eq!(fs::read_dir(&fenced.jars).unwrap().count(), 1, "{name:?}");
        fenced.assert_sound(&name);
    });
}

#[test]
fn no_savepoint_is_written_read_or_removed_outside_of_where_savepoints_are() {
    let fenced = Fenced::new();
    let root = fenced.folder.path().to_str().unwrap().to_owned();
    let job = MiniJob::new("endless").vertex("source", 1, |task| {
        while task.sleep(Duration::from_millis(1))? {}
        Ok(())
    });
    let job = fenced.cluster.submit(job).wait().unwrap();
    let check = |location: String| {
        let ask = |of: &str, body: Value| ask(&fenced.cluster, "POST", of, Some(&body));
        for answer in [
            ask(&format!("/jobs/{job}/savepoints"), json!({"target-directory": location})),
            ask(&format!("{JOB}/stop"), json!({"targetDirectory": location})),
            ask("/savepoint-disposal", json!({"savepoint-path": location})),
            ask("/jars/a.jar/run", json!({"savepointPath": location})),
        ] {
            assert!(!answer.text().contains("hunter2"), "{location:?}: {answer:?}");
        }
        fenced.assert_sound(&location);
    };
    // It leads to where savepoints are, by way of folders that are not there.
    check(format!("file:{root}/new/..//other/../savepoints"));
    run((path(), 0..3), |(path, from)| {
        check(match from {
            0 => path,
            1 => format!("{root}/savepoints/{path}"),
            _ => format!("file:{root}/{path}"),
        });
    });
}

#[test]
fn no_jar_id_leads_out_of_the_folder_of_jars() {
    let fenced = Fenced::new();
    run(path(), |id| {
        let escaped: String = id.bytes().map(|byte| format!("%25{byte:02X}")).collect();
        let once: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for id in [escaped, once] {
            if id.is_empty() {
                continue;
            }
            for (method, path) in [
                ("DELETE", format!("/jars/{id}")),
                ("POST", format!("/jars/{id}/run")),
                ("POST", format!("/jars/{id}/plan")),
                ("GET", format!("/jars/{id}/plan")),
            ] {
                let answer = ask(&fenced.cluster, method, &path, None);
                assert!(answer.status >= 400, "{method} {path}: {answer:?}");
                assert!(!answer.text().contains("hunter2"), "{answer:?}");
            }
        }
        assert_eq!(fs::read_dir(&fenced.jars).unwrap().count(), 1, "{id:?}");
        fenced.assert_sound(&id);
    });
}
