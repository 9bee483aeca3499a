//! Files that are the old or the new ones whenever the power goes, and that one process uses at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file as a whole: the bytes are written to a second file, brought to the disk, put in the first one's place,
/// and the folder brought to the disk.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = beside(path, ".new");
    let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&next, path)?;
    sync_folder_of(path)
}

/// Locks the third file beside `path` until what is returned is dropped; `None` when another process holds it.
pub(crate) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The file beside `path` whose name is longer by `suffix`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Readable by its owner alone, where there are owners: it says where the holder paid, or holds its keys.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A rename is on the disk only once its folder is (fsync(2)).
fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
