//! Where a real board is reached: a serial port, or a TCP port that stands for one.

use crate::{Error, Result};
use serialport::{ErrorKind as PortError, SerialPort};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Bits per second of a serial port whose address names none.
const BAUD: u32 = 115_200;
/// How long one read of a connection waits at most, so that who reads can look at the clock.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long opening a TCP connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The address of a board: `serial:PORT[,BAUD]` or `tcp:HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A serial port of this computer.
    Serial {
        /// Its name: `/dev/ttyACM0`, `COM3`.
        port: String,
        /// Bits per second.
        baud: u32,
    },
    /// A TCP port that carries the bytes of a serial line: an emulator, or ser2net on another computer.
    Tcp {
        /// Host and port, `localhost:3333`.
        host: String,
    },
}

impl Address {
    /// The forms of an address, for usage and errors.
    pub const FORMS: &str = "serial:PORT[,BAUD], tcp:HOST:PORT";

    /// The address that `text` is; `None` where it begins with neither `serial:` nor `tcp:`.
    ///
    /// # Errors
    ///
    /// An input error for an address without a port, and for a speed that is no number from 1 on.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        if let Some(serial) = text.strip_prefix("serial:") {
            return Self::serial(serial).map(Some);
        }
        let Some(host) = text.strip_prefix("tcp:") else { return Ok(None) };
        let port = host.rsplit_once(':').and_then(|(name, port)| {
            port.parse::<u16>().ok().filter(|port| *port > 0 && !name.is_empty())
        });
        match port {
            Some(_) => Ok(Some(Self::Tcp { host: host.into() })),
            None => Err(Error::input(format!(
                "{text}: expected tcp:HOST:PORT with a port from 1 to 65535, such as tcp:localhost:3333"
            ))),
        }
    }

    /// The serial port of `PORT[,BAUD]`, split at the last comma. An input error as for [`parse`](Self::parse).
    pub fn serial(text: &str) -> Result<Self> {
        let (port, baud) = match text.rsplit_once(',') {
            Some((port, baud)) => (port, baud.parse().ok().filter(|baud| *baud > 0)),
            None => (text, Some(BAUD)),
        };
        match (port, baud) {
            ("", _) | (_, None) => Err(Error::input(format!(
                "serial:{text}: expected serial:PORT[,BAUD], such as serial:/dev/ttyACM0,{BAUD}; {}",
                ports()
            ))),
            (port, Some(baud)) => Ok(Self::Serial { port: port.into(), baud }),
        }
    }

    /// The open connection. Bytes that came before are dropped.
    ///
    /// # Errors
    ///
    /// An environment error that says what to do: no such port, no right to open it, another program has it
    /// open, nobody listens.
    pub fn open(&self) -> Result<Connection> {
        let opened = match self {
            Self::Serial { port, baud } => open_serial(port, *baud),
            Self::Tcp { host } => connect(host),
        };
        opened.map_err(|error| error.context(self))
    }

    /// What to look at where a board at this address does not answer as it should.
    pub fn to_check(&self) -> String {
        match self {
            Self::Serial { baud, .. } => format!(
                "check that the board has power, that this is its port ({}), that the parity image runs on it, \
                 and that it sends at {baud} baud",
                ports()
            ),
            Self::Tcp { .. } => {
                "check that the parity image runs there, and that nobody else is connected".into()
            }
        }
    }
}

impl fmt::Display for Address {
    /// Writes the address as it is given, the speed only where it is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { port, baud: BAUD } => write!(f, "serial:{port}"),
            Self::Serial { port, baud } => write!(f, "serial:{port},{baud}"),
            Self::Tcp { host } => write!(f, "tcp:{host}"),
        }
    }
}

/// The serial ports of this computer in a sentence's part: `this computer has /dev/ttyACM0, /dev/ttyS0`.
fn ports() -> String {
    let ports = serialport::available_ports().unwrap_or_default();
    let names: Vec<String> = ports.into_iter().map(|port| port.port_name).collect();
    match names.is_empty() {
        true => "this computer shows no serial port: plug the board in".into(),
        false => format!("this computer has {}", names.join(", ")),
    }
}

/// The serial port `port` at `baud` bits per second, eight bits, no parity, with nothing received yet. An
/// environment error with the cure.
fn open_serial(port: &str, baud: u32) -> Result<Connection> {
    let opened = serialport::new(port, baud).timeout(PATIENCE).open();
    let opened = opened.map_err(|error| {
        let cure = match error.kind() {
            PortError::Io(ErrorKind::PermissionDenied) => {
                "you may not open it: on Linux `sudo usermod -a -G dialout $USER`, then log in again"
                    .into()
            }
            PortError::NoDevice if !std::path::Path::new(port).exists() => ports(),
            PortError::Io(ErrorKind::NotFound) => ports(),
            PortError::NoDevice => {
                "another program has it open (a monitor, an IDE): close that".into()
            }
            _ => format!("is it a serial port? {}", ports()),
        };
        Error::environment(format!("cannot be opened: {error}; {cure}"))
    })?;
    let cleared = opened.clear(serialport::ClearBuffer::Input);
    cleared.map_err(|error| Error::environment(format!("cannot be used: {error}; {}", ports())))?;
    Ok(Connection::Serial(opened))
}

/// A TCP connection to `host`, a name and a port. An environment error with the cure.
fn connect(host: &str) -> Result<Connection> {
    let connected = || -> io::Result<TcpStream> {
        let mut last = io::Error::from(ErrorKind::NotFound);
        for address in host.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    connected().map(Connection::Tcp).map_err(|error| {
        Error::environment(format!(
            "cannot connect: {error}; start the emulator or ser2net there, and check host and port"
        ))
    })
}

/// An open connection to a board. A read waits for 0.1 s and then fails with `TimedOut` or `WouldBlock`.
#[derive(Debug)]
pub enum Connection {
    /// Over a serial port.
    Serial(Box<dyn SerialPort>),
    /// Over TCP.
    Tcp(TcpStream),
}

impl Read for Connection {
    /// Bytes that have come; 0 where a TCP connection has ended.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Serial(port) => port.read(bytes),
            Self::Tcp(stream) => stream.read(bytes),
        }
    }
}

impl Write for Connection {
    /// Sends bytes; how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Serial(port) => port.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    /// Does what is left to do to send them.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Serial(port) => port.flush(),
            Self::Tcp(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let serial = |port: &str, baud| Address::Serial { port: port.into(), baud };
        for (text, address) in [
            ("serial:/dev/ttyACM0", serial("/dev/ttyACM0", 115_200)),
            ("serial:COM3,9600", serial("COM3", 9_600)),
            ("serial:a,b,1", serial("a,b", 1)),
            ("tcp:localhost:3333", Address::Tcp { host: "localhost:3333".into() }),
            ("tcp:[::1]:3333", Address::Tcp { host: "[::1]:3333".into() }),
        ] {
            let parsed = Address::parse(text).expect("an address").expect("of a board");
            assert_eq!((&parsed, parsed.to_string()), (&address, text.to_string()));
        }
        for other in ["twin", "qemu-m4", "/dev/ttyACM0", ""] {
            assert_eq!(Address::parse(other).expect("no error"), None);
        }
        for wrong in [
            "serial:",
            "serial:,9600",
            "serial:a,0",
            "serial:a,fast",
            "tcp:",
            "tcp:host",
            "tcp::1",
            "tcp:host:0",
        ] {
            let error = Address::parse(wrong).expect_err(wrong);
            assert!(error.is_input() && error.to_string().contains("expected"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_named_with_what_to_do() {
        let missing = Address::parse("serial:/dev/no-such-port").unwrap().unwrap();
        let error = missing.open().expect_err("no such port");
        let said = error.to_string();
        assert_eq!(error.exit_code(), 3, "{said}");
        assert!(
            said.starts_with("serial:/dev/no-such-port: ") && said.contains("this computer"),
            "{said}"
        );
        let nobody = Address::parse("tcp:127.0.0.1:1").unwrap().unwrap();
        let error = nobody.open().expect_err("nobody listens");
        assert!(
            error.exit_code() == 3 && error.to_string().contains("start the emulator"),
            "{error}"
        );
    }
}
