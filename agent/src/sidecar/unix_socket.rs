//! A Unix socket that replaces a stale one, and is removed at its end.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Owner and group: Envoy often runs as another user, and shares a group by the volume that the socket lies in.
const MODE: u32 = 0o660;

/// A bound socket. Dropping it removes its file.
#[derive(Debug)]
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Tells this socket's file from one that another process has put into its place.
    inode: u64,
}

impl UnixSocket {
    /// Binds one. A socket of a process that is gone is replaced; one in use, and a file that is no socket, are errors.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
            }
            Ok(_) => match UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
                // Also where that process is too busy to accept, or lets nobody in: it lives.
                _ => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
            },
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        let inode = fs::symlink_metadata(path)?.ino();
        Ok(Self { listener, path: path.to_owned(), inode })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_ours {
            // Where it cannot be removed, the next one replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
