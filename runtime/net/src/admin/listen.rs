//! Where the operators' listener listens.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::server;

/// The port of operators where the settings do not name one.
const DEFAULT_PORT: u16 = 8082;

/// The setting `admin_listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// There is no listener for operators.
    Off,
    /// The address. Port 0: any free one.
    At(SocketAddr),
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address = text.parse().map(Self::At);
        address.map_err(|_| {
            format!(
                "`{text}` is not an address with a port: write \"127.0.0.1:8082\", or \"off\" for no listener"
            )
        })
    }
}

impl<'de> Deserialize<'de> for AdminListen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// Opens the port of operators. `stated` is the setting; without it, the port is 8082 of this machine, or any free one
/// where `public`, the address for visitors, has port 0. `None`: the listener is off, or the default port is taken,
/// which the log tells.
///
/// # Errors
/// The stated address is in use, or may not be used.
pub fn bind(stated: Option<AdminListen>, public: SocketAddr) -> io::Result<Option<TcpListener>> {
    let address = match stated {
        Some(AdminListen::Off) => return Ok(None),
        Some(AdminListen::At(address)) => return server::bind(address).map(Some),
        None if public.port() == 0 => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        None => SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
    };
    match server::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => {
            tracing::warn!(
                %address,
                %error,
                "there is no listener for operators, and no metrics: its default address can't be used. Set `admin_listen`, or \
                 \"off\""
            );
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_or_off() {
        for (text, expected) in [
            ("off", Some("off")),
            ("127.0.0.1:8082", Some("127.0.0.1:8082")),
            ("[::1]:0", Some("[::1]:0")),
            ("", None),
            ("Off", None),
            ("8082", None),
            ("localhost:8082", None),
            ("127.0.0.1", None),
            ("127.0.0.1:99999", None),
            ("http://127.0.0.1:1", None),
        ] {
            let parsed = text.parse::<AdminListen>().ok().map(|one| one.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_taken_address_is_an_error_only_where_it_was_stated() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let taken = bind(Some(AdminListen::At(any)), any)
            .expect("a free port")
            .expect("it is on");
        let address = taken.local_addr().expect("an address");
        assert!(bind(Some(AdminListen::At(address)), any).is_err());
        assert!(
            bind(Some(AdminListen::Off), any)
                .expect("nothing to open")
                .is_none()
        );
        // The default takes a free port beside a listener that does, and otherwise a port that may be taken already.
        assert!(bind(None, any).expect("a free port").is_some());
        let public = SocketAddr::from((Ipv4Addr::LOCALHOST, 8081));
        let (first, second) = (bind(None, public), bind(None, public));
        assert!(first.is_ok() && second.expect("no error").is_none());
    }
}
