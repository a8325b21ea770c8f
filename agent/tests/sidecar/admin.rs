//! A stand-in for Envoy's admin interface.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::process::SOON;

/// What it says.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// These stats, of which those that are 0 are not in use, after so many seconds.
    Stats(String, u64),
    /// Exactly these bytes to everything.
    Bytes(Vec<u8>),
    /// A `/server_info`, and then a list of stats without an end.
    Endless,
    /// Nothing at all.
    Nothing,
}

/// How often it was asked.
#[derive(Debug, Default)]
struct Asked {
    stats: AtomicUsize,
    inventories: AtomicUsize,
}

/// A stand-in. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Admin {
    addr: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Arc<Asked>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    is_gone: Arc<AtomicBool>,
}

impl Admin {
    pub(crate) fn start(says: Says) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), says)
    }

    fn listen(listener: TcpListener, says: Says) -> Self {
        let this = Self {
            addr: listener.local_addr().unwrap(),
            says: Arc::new(Mutex::new(says)),
            asked: Arc::default(),
            connections: Arc::default(),
            is_gone: Arc::default(),
        };
        let (says, asked, is_gone) = (Arc::clone(&this.says), Arc::clone(&this.asked), Arc::clone(&this.is_gone));
        let (connections, start) = (Arc::clone(&this.connections), Instant::now());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_gone.load(Ordering::SeqCst) {
                    return;
                }
                connections.lock().unwrap().push(stream.try_clone().unwrap());
                let (says, asked) = (Arc::clone(&says), Arc::clone(&asked));
                std::thread::spawn(move || serve(stream, &says, start, &asked));
            }
        });
        this
    }

    pub(crate) fn flag(&self) -> String {
        format!("--envoy-admin={}", self.addr)
    }

    pub(crate) fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// How often all stats were asked for.
    pub(crate) fn inventories(&self) -> usize {
        self.asked.inventories.load(Ordering::SeqCst)
    }

    /// How often it was asked for stats.
    pub(crate) fn scrapes(&self) -> usize {
        self.asked.stats.load(Ordering::SeqCst)
    }

    /// Goes away, and leaves its address to another one.
    pub(crate) fn die(self) -> SocketAddr {
        let addr = self.addr;
        drop(self);
        let until = Instant::now() + SOON;
        while TcpListener::bind(addr).is_err() {
            assert!(Instant::now() < until, "the port is never free");
            std::thread::sleep(Duration::from_millis(5));
        }
        addr
    }

    pub(crate) fn start_at(addr: SocketAddr, says: Says) -> Self {
        Self::listen(TcpListener::bind(addr).unwrap(), says)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.is_gone.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
        // As the kernel does with those of a process that is gone.
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// Lines of the service `s` and its route `r`, as the filter writes them.
pub(crate) fn stats(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| ["wasmcustom.service=.=s;.;route=.=r;.;", line, "\n"]).collect()
}

fn serve(mut stream: TcpStream, says: &Mutex<Says>, start: Instant, asked: &Asked) {
    let mut head = Vec::new();
    loop {
        let mut buffer = [0; 1024];
        let Ok(length) = stream.read(&mut buffer) else { return };
        if length == 0 {
            return;
        }
        head.extend_from_slice(&buffer[..length]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let request = String::from_utf8_lossy(&head).into_owned();
        head.clear();
        if request.starts_with("GET /stats?") && !request.contains("usedonly") {
            asked.inventories.fetch_add(1, Ordering::SeqCst);
        }
        if request.starts_with("GET /stats?") {
            asked.stats.fetch_add(1, Ordering::SeqCst);
        }
        let says = says.lock().unwrap().clone();
        if answer(&mut stream, &request, says, start.elapsed().as_secs()).is_err() {
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, request: &str, says: Says, elapsed: u64) -> std::io::Result<()> {
    let is_info = request.starts_with("GET /server_info ");
    let body = match says {
        Says::Nothing => return Ok(()),
        Says::Bytes(bytes) => return stream.write_all(&bytes),
        Says::Endless if !is_info => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let lines = stats(&["helius_admission_total: 1"]).repeat(1000);
            loop {
                stream.write_all(lines.as_bytes())?;
            }
        }
        Says::Endless => info(elapsed),
        Says::Stats(_, up) if is_info => info(up + elapsed),
        Says::Stats(stats, _) if request.contains("usedonly") => {
            stats.split_inclusive('\n').filter(|line| !line.ends_with(": 0\n")).collect()
        }
        Says::Stats(stats, _) => stats,
    };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn info(uptime: u64) -> String {
    format!(r#"{{"state": "LIVE", "uptime_current_epoch": "{uptime}s", "uptime_all_epochs": "{uptime}s"}}"#)
}
