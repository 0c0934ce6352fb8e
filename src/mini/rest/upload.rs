//! Uploads: forms with files, which go to disk as they come.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use super::body::Body;
use super::endpoint::Endpoint;
use super::head::Head;
use super::multipart::{Fault, Multipart};
use super::reply::Reply;
use crate::ids::TriggerId;

/// What came with a request.
#[derive(Debug)]
pub(super) enum Received {
    Plain(Vec<u8>),
    Form(Form),
}

#[derive(Debug, Default)]
pub(super) struct Form {
    /// The part that has JSON, if there is one.
    pub(super) request: Vec<u8>,
    pub(super) files: Vec<UploadedFile>,
}

/// A file that is gone with this, unless somebody has taken it away.
#[derive(Debug)]
pub(super) struct UploadedFile {
    /// What the sender calls it: no path, and not what it is called here.
    pub(super) name: String,
    path: PathBuf,
}

impl UploadedFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UploadedFile {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::debug!("an upload stays in {}: {error}", self.path.display());
            }
            _ => {}
        }
    }
}

/// Each part costs a file.
const MOST_PARTS: usize = 128;

/// Flink takes forms for every path, but with this method only.
pub(super) fn is_upload(head: &Head) -> bool {
    let content_type = head.content_type.as_deref().unwrap_or_default();
    let is_form =
        content_type.get(..19).is_some_and(|begin| begin.eq_ignore_ascii_case("multipart/form-data"));
    head.method == "POST" && is_form
}

/// Reads a form to the end of its body.
///
/// # Errors
/// The connection's; what is wrong with the form is a reply.
pub(super) fn receive<R: BufRead>(
    body: &mut Body<'_, R>,
    head: &Head,
    endpoint: &Endpoint,
) -> io::Result<Result<Received, Reply>> {
    let content_type = head.content_type.as_deref().unwrap_or_default();
    let limited = Limited { body, left: endpoint.limits.upload };
    let form = match Multipart::of(limited, content_type) {
        Some(Ok(multipart)) => parts(multipart, endpoint),
        _ => Err(Unfit::Form(Fault::Malformed)),
    };
    Ok(Err(match form {
        Ok(form) => return Ok(Ok(Received::Form(form))),
        Err(Unfit::Form(Fault::Io(error))) if error.kind() == io::ErrorKind::FileTooLarge => {
            Reply::too_large()
        }
        Err(Unfit::Form(Fault::Io(error))) => return Err(error),
        Err(Unfit::Unknown(name)) => Reply::bad_upload(400, format!("Received unknown attribute {name}.")),
        Err(Unfit::Form(Fault::Malformed)) => Reply::bad_upload(400, "File upload failed."),
        Err(Unfit::Disk(error)) => {
            log::warn!("the mini cluster cannot store an upload: {error}");
            Reply::bad_upload(500, "File upload failed.")
        }
    }))
}

enum Unfit {
    Form(Fault),
    Unknown(String),
    Disk(io::Error),
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        Self::Form(fault)
    }
}

fn parts<R: io::Read>(mut multipart: Multipart<R>, endpoint: &Endpoint) -> Result<Form, Unfit> {
    let mut form = Form::default();
    let mut number = 0;
    while let Some(part) = multipart.next()? {
        number += 1;
        if number > MOST_PARTS {
            return Err(Unfit::Form(Fault::Malformed));
        }
        match part.file_name {
            Some(name) => {
                let (file, mut to) = create(&name, endpoint).map_err(Unfit::Disk)?;
                let mut failed = None;
                multipart.content(|piece| {
                    // The connection's errors and the disk's are told apart.
                    if failed.is_none() {
                        failed = to.write_all(piece).err();
                    }
                    Ok(())
                })?;
                if let Some(error) = failed {
                    return Err(Unfit::Disk(error));
                }
                form.files.push(file);
            }
            None if part.name == "request" => {
                form.request.clear();
                let most = usize::try_from(endpoint.limits.content).unwrap_or(usize::MAX);
                multipart.content(|piece| {
                    if form.request.len() + piece.len() > most {
                        return Err(io::ErrorKind::FileTooLarge.into());
                    }
                    form.request.extend_from_slice(piece);
                    Ok(())
                })?;
            }
            None => return Err(Unfit::Unknown(part.name)),
        }
    }
    multipart.finish()?;
    Ok(form)
}

fn create(name: &str, endpoint: &Endpoint) -> io::Result<(UploadedFile, File)> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    // Beside the jars, so that one of them only has to be renamed.
    let path = endpoint.dispatcher.jar_directory().join(format!("upload-{}", TriggerId::random()));
    let file = File::create_new(&path)?;
    Ok((UploadedFile { name, path }, file))
}

/// A body of which only so much is read.
struct Limited<'a, 'b, R> {
    body: &'a mut Body<'b, R>,
    left: u64,
}

impl<R: BufRead> io::Read for Limited<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}
