//! The cluster's client leaves Nagle's algorithm on, and has no setting for that: the second part
//! of a call is not sent before the first is acknowledged, which the other side puts off for some
//! 40 milliseconds. So the process turns it off from outside the library, on all its TCP sockets.
//! They are reached by their numbers, through a handle of the process itself, since the library
//! does not give them away.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How often it is looked for sockets that were opened since: a call is slow for no longer.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The process's sockets as `/proc` calls them: by numbers that are not used again.
type Sockets = BTreeSet<PathBuf>;

/// Has every TCP socket that this process opens send at once, for as long as it is polled.
pub(super) async fn send_at_once() {
    let mut known = Sockets::new();
    loop {
        let look = tokio::task::spawn_blocking(move || turn_off_delays(&known));
        // Without an answer the runtime ends.
        let Ok(found) = look.await else { return };
        known = match found {
            Ok(found) => found,
            Err(error) if is_refusal(&error) => {
                tracing::warn!(%error, "calls to the cluster wait for acknowledgements, 40 ms");
                return;
            }
            // As when no descriptor is free: all sockets are new to the next look.
            Err(_) => Sockets::new(),
        };
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Is it not allowed here, or not known to the kernel?
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
}

/// Has the sockets that are not known yet send at once; all that there are.
#[cfg(target_os = "linux")]
fn turn_off_delays(known: &Sockets) -> io::Result<Sockets> {
    use rustix::io::Errno;
    use rustix::net::sockopt::set_tcp_nodelay;
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let process = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut found = Sockets::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // One that was closed meanwhile has no name any more.
        let Ok(name) = std::fs::read_link(entry.path()) else { continue };
        let number = entry.file_name().to_str().and_then(|number| number.parse().ok());
        let Some(number) = number.filter(|_| name.to_string_lossy().starts_with("socket:")) else {
            continue;
        };
        if !known.contains(&name) {
            match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
                // A socket that is not TCP's has no such setting.
                Ok(socket) => drop(set_tcp_nodelay(socket, true)),
                Err(Errno::BADF) => continue,
                Err(refused) => return Err(refused.into()),
            }
        }
        found.insert(name);
    }
    Ok(found)
}

#[cfg(not(target_os = "linux"))]
fn turn_off_delays(_known: &Sockets) -> io::Result<Sockets> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_sends_at_once_after_the_first_look_at_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let early = TcpStream::connect(address).unwrap();
        let _not_tcp = UnixStream::pair().unwrap();
        assert!(!early.nodelay().unwrap());
        let known = turn_off_delays(&Sockets::new()).unwrap();
        assert!(early.nodelay().unwrap());

        early.set_nodelay(false).unwrap();
        let late = TcpStream::connect(address).unwrap();
        turn_off_delays(&known).unwrap();
        assert!(late.nodelay().unwrap());
        assert!(!early.nodelay().unwrap(), "what is known is not touched again");
    }
}
