//! Reads a jar's manifest: enough of the ZIP format for that, and nothing believed that the file does not bear out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use miniz_oxide::inflate::decompress_to_vec_with_limit;

const MANIFEST: &[u8] = b"META-INF/MANIFEST.MF";
/// A manifest is a page or two; one of a signed jar has a line for every class.
const LONGEST_MANIFEST: usize = 16 << 20;
/// The end record with the longest comment.
const LONGEST_END: u64 = 22 + 0xffff;
/// So many entries as there can be, 65,535, each with a name of two hundred bytes.
const LONGEST_DIRECTORY: u64 = 16 << 20;

/// The class that a jar's manifest says to run: `program-class`, else `Main-Class`.
///
/// # Errors
/// It is no ZIP file, or a damaged one.
pub(crate) fn main_class(path: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let Some(manifest) = manifest(&mut file)? else { return Ok(None) };
    let manifest = String::from_utf8_lossy(&manifest);
    Ok(attribute(&manifest, "program-class").or_else(|| attribute(&manifest, "Main-Class")))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> io::Result<u64> {
    let bytes = bytes.get(at..at + N).ok_or_else(|| bad("zip entry ends too early"))?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn read_at(file: &mut File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(bad("zip entry ends too early")) }
}

fn manifest(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = read_at(file, length.saturating_sub(LONGEST_END), length.min(LONGEST_END))?;
    let end = tail
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .filter(|at| tail.len() - at >= 22)
        .ok_or_else(|| bad("zip END header not found"))?;
    let (size, offset) = (number::<4>(&tail, end + 12)?, number::<4>(&tail, end + 16)?);
    if size > LONGEST_DIRECTORY || offset.saturating_add(size) > length {
        return Err(bad("invalid END header (bad central directory size)"));
    }
    let directory = read_at(file, offset, size)?;
    let mut at = 0;
    while at < directory.len() {
        if directory.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err(bad("invalid CEN header (bad signature)"));
        }
        let part = |offset| number::<2>(&directory, at + offset).map(|length| length as usize);
        let (name, extra, comment) = (part(28)?, part(30)?, part(32)?);
        if directory.get(at + 46..at + 46 + name).is_some_and(|name| name.eq_ignore_ascii_case(MANIFEST)) {
            let method = number::<2>(&directory, at + 10)?;
            let packed = number::<4>(&directory, at + 20)?;
            let header = number::<4>(&directory, at + 42)?;
            return content(file, header, packed, method, length).map(Some);
        }
        at += 46 + name + extra + comment;
    }
    Ok(None)
}

fn content(file: &mut File, header: u64, packed: u64, method: u64, length: u64) -> io::Result<Vec<u8>> {
    let local = read_at(file, header, 30)?;
    if local.get(..4) != Some(b"PK\x03\x04") {
        return Err(bad("invalid LOC header (bad signature)"));
    }
    let begin = header + 30 + number::<2>(&local, 26)? + number::<2>(&local, 28)?;
    if packed > LONGEST_MANIFEST as u64 || begin.saturating_add(packed) > length {
        return Err(bad("zip entry ends too early"));
    }
    let packed = read_at(file, begin, packed)?;
    match method {
        0 => Ok(packed),
        8 => decompress_to_vec_with_limit(&packed, LONGEST_MANIFEST)
            .map_err(|error| bad(&format!("invalid compressed data: {error}"))),
        _ => Err(bad("invalid CEN header (bad compression method)")),
    }
}

/// A main attribute of a manifest. Long values go on in lines that begin with a space.
fn attribute(manifest: &str, name: &str) -> Option<String> {
    let mut lines = manifest.lines().peekable();
    while let Some(line) = lines.next() {
        // The main section ends at the first empty line.
        if line.is_empty() {
            return None;
        }
        let mut line = line.to_owned();
        while let Some(more) = lines.peek().and_then(|next| next.strip_prefix(' ')) {
            line.push_str(more);
            lines.next();
        }
        if let Some((key, value)) = line.split_once(':') {
            let value = value.trim();
            if key.eq_ignore_ascii_case(name) && !value.is_empty() {
                return Some(value.to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A jar with a manifest, and a file before it.
    pub(crate) fn jar(manifest: &str, deflated: bool) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        let files: [(&[u8], &[u8]); 2] = [(b"a/A.class", b"class"), (MANIFEST, manifest.as_bytes())];
        for (name, content) in files {
            let packed =
                if deflated { miniz_oxide::deflate::compress_to_vec(content, 6) } else { content.to_vec() };
            let mut common = vec![20, 0, 0, 0, if deflated { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            common.extend((packed.len() as u32).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            directory.extend(b"PK\x01\x02\x14\x00");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend((bytes.len() as u32).to_le_bytes());
            directory.extend(name);
            bytes.extend(b"PK\x03\x04");
            bytes.extend(&common);
            bytes.extend(name);
            bytes.extend(&packed);
        }
        let offset = bytes.len() as u32;
        bytes.extend(&directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
        bytes.extend((directory.len() as u32).to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Option<String>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), bytes)?;
        main_class(file.path())
    }

    #[test]
    fn the_main_class_is_found_stored_or_deflated() {
        for deflated in [false, true] {
            let manifest =
                "Manifest-Version: 1.0\r\nMain-Class: com.acme.a.very.long.pack\r\n age.Etl\r\n\r\n";
            let class = read(&jar(manifest, deflated)).unwrap();
            assert_eq!(class.as_deref(), Some("com.acme.a.very.long.package.Etl"));
            let both = "program-class: com.acme.P\nMain-Class: com.acme.M\n";
            assert_eq!(read(&jar(both, deflated)).unwrap().as_deref(), Some("com.acme.P"));
            let section = "Manifest-Version: 1.0\n\nName: a\nMain-Class: com.acme.M\n";
            assert_eq!(read(&jar(section, deflated)).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_jar_is_an_error_that_says_so() {
        assert_eq!(read(b"not a jar").unwrap_err().to_string(), "zip END header not found");
        assert!(read(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            deflated in any::<bool>(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            length in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let mut bytes = jar("Main-Class: com.acme.M\n", deflated);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if cut {
                bytes.truncate(length.index(bytes.len()));
            }
            let _ = read(&bytes);
        }
    }
}
