//! One process, one store: the lock beside the database file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::open::OpenError;

/// Readable and writable by the owner only: events carry personal data.
const OWNER_ONLY: u32 = 0o600;

/// Creates the file if there is none.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path)
}

/// Locks the store at `path` until the answered file is dropped, which the operating system also
/// sees to when the process is killed. The file itself stays: removing it would let two processes
/// lock two files of the same name.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = lock_path(path);
    let failed = |source| OpenError::Io { path: lock_path.clone(), source };
    let mut file = create_private(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            write!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.rewind().and_then(|()| file.read_to_string(&mut owner)); // only the message suffers
            let owner = owner.trim().parse().ok();
            Err(OpenError::InUse { path: path.to_owned(), pid: owner })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
