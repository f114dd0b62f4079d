//! URLs of servers, taken apart: one URL for each server, and the parameters that are not left to tokio-postgres.

use std::path::PathBuf;

use crate::error::PostgresError;

/// The socket directory of a server that the URL does not name.
const SOCKET: &str = "/run/postgresql";

/// What a URL says.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// For each server a URL that names no other, in their order.
    pub(crate) servers: Vec<String>,
    /// `sslmode`.
    pub(crate) mode: Option<String>,
    /// `sslrootcert`.
    pub(crate) authorities: Option<PathBuf>,
}

/// Where a server is.
#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    /// As it stands before the name of the database, perhaps with a port.
    Authority(&'a str),
    /// As a parameter has it: a name, or the directory of a socket.
    Parameter(&'a str),
    /// By its address alone, which is another parameter.
    Address,
}

impl Place<'_> {
    fn has_port(self) -> bool {
        match self {
            Self::Authority(host) => match host.rsplit_once(']') {
                Some((_, rest)) => !rest.is_empty(),
                None => host.contains(':'),
            },
            Self::Parameter(_) | Self::Address => false,
        }
    }
}

/// The parameters of a URL.
#[derive(Debug, Default)]
struct Parameters<'a> {
    hosts: Vec<&'a str>,
    ports: Vec<&'a str>,
    has_address: bool,
    /// Those that are left as they are.
    others: Vec<&'a str>,
}

/// Takes a URL apart.
pub(crate) fn split(url: &str) -> Result<Parts, PostgresError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(invalid("it must begin with postgres://"));
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let at = place.find('/').unwrap_or(place.len());
    let (authority, database) = place.split_at(at);
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), authority),
    };

    let mut apart = Parts::default();
    let parameters = parameters(query, &mut apart)?;
    let mut places = Vec::new();
    if !hosts.is_empty() {
        places.extend(hosts.split(',').map(Place::Authority));
    }
    places.extend(parameters.hosts.iter().copied().map(Place::Parameter));
    if places.is_empty() {
        places.push(if parameters.has_address {
            Place::Address
        } else {
            Place::Parameter(SOCKET)
        });
    }
    if parameters.has_address && places.len() > 1 {
        return Err(invalid("hostaddr is supported for one server only"));
    }
    let ports = ports(&places, &parameters.ports)?;
    for (place, port) in places.into_iter().zip(ports) {
        let (host, own) = match (place, port) {
            (Place::Authority("") | Place::Parameter(""), _) => {
                return Err(invalid("the name of a server is empty"));
            }
            (Place::Authority(host), None) => (host.to_owned(), String::new()),
            (Place::Authority(host), Some(port)) => (format!("{host}:{port}"), String::new()),
            (Place::Parameter(host), None) => (String::new(), format!("host={host}")),
            (Place::Parameter(host), Some(port)) => {
                (String::new(), format!("host={host}&port={port}"))
            }
            (Place::Address, None) => Default::default(),
            (Place::Address, Some(port)) => (String::new(), format!("port={port}")),
        };
        let mut query = parameters.others.clone();
        if !own.is_empty() {
            query.insert(0, &own);
        }
        let separator = if query.is_empty() { "" } else { "?" };
        let query = query.join("&");
        let server = format!("{scheme}://{login}{host}{database}{separator}{query}");
        apart.servers.push(server);
    }
    Ok(apart)
}

/// Sorts the parameters of a URL.
fn parameters<'a>(query: &'a str, apart: &mut Parts) -> Result<Parameters<'a>, PostgresError> {
    let mut sorted = Parameters::default();
    for parameter in query.split('&').filter(|it| !it.is_empty()) {
        match parameter.split_once('=') {
            Some(("sslmode", mode)) => apart.mode = Some(mode.to_owned()),
            Some(("sslrootcert", path)) => apart.authorities = Some(path.into()),
            Some(("host", hosts)) => sorted.hosts.extend(hosts.split(',')),
            Some(("port", ports)) => sorted.ports.extend(ports.split(',')),
            // It would change nothing: changes go to the one server that can be written.
            Some(("load_balance_hosts", how)) if how != "disable" => {
                return Err(invalid("load_balance_hosts is not supported"));
            }
            Some(("hostaddr", _)) => {
                sorted.has_address = true;
                sorted.others.push(parameter);
            }
            _ => sorted.others.push(parameter),
        }
    }
    Ok(sorted)
}

/// The port of each server, as the parameter has them; `None` for the usual one, or one that stands behind the host.
fn ports<'a>(
    places: &[Place<'_>],
    ports: &[&'a str],
) -> Result<Vec<Option<&'a str>>, PostgresError> {
    if !ports.is_empty() && places.iter().any(|place| place.has_port()) {
        return Err(invalid("it has ports behind hosts and the parameter port"));
    }
    match ports {
        [] => Ok(vec![None; places.len()]),
        [port] => Ok(vec![Some(*port); places.len()]),
        _ if ports.len() == places.len() => Ok(ports.iter().copied().map(Some).collect()),
        _ => {
            let (hosts, ports) = (places.len(), ports.len());
            Err(invalid(format!("it has {hosts} hosts and {ports} ports")))
        }
    }
}

fn invalid(reason: impl Into<String>) -> PostgresError {
    PostgresError::Url(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_gets_a_url_of_its_own() {
        for (url, expected) in [
            ("postgres://db/gumnut", &["postgres://db/gumnut"][..]),
            (
                "postgres:///gumnut",
                &["postgres:///gumnut?host=/run/postgresql"],
            ),
            (
                "postgresql://u@a,[::1]:7/gumnut?connect_timeout=3",
                &[
                    "postgresql://u@a/gumnut?connect_timeout=3",
                    "postgresql://u@[::1]:7/gumnut?connect_timeout=3",
                ],
            ),
            (
                "postgres://u@/gumnut?host=/a,/b&sslmode=disable&port=1,2&options=-c",
                &[
                    "postgres://u@/gumnut?host=/a&port=1&options=-c",
                    "postgres://u@/gumnut?host=/b&port=2&options=-c",
                ],
            ),
            (
                "postgres://a,b/gumnut?port=7",
                &["postgres://a:7/gumnut", "postgres://b:7/gumnut"],
            ),
            (
                "postgres://a/gumnut?host=/b",
                &["postgres://a/gumnut", "postgres:///gumnut?host=/b"],
            ),
            (
                "postgres:///gumnut?hostaddr=10.0.0.1",
                &["postgres:///gumnut?hostaddr=10.0.0.1"],
            ),
        ] {
            assert_eq!(split(url).unwrap().servers, expected, "{url}");
        }
    }

    #[test]
    fn servers_that_are_not_clear_are_refused() {
        for (url, reason) in [
            ("postgres://a,/g", "the name of a server is empty"),
            ("postgres:///g?host=/a,", "the name of a server is empty"),
            ("postgres://a,b,c/g?port=1,2", "it has 3 hosts and 2 ports"),
            (
                "postgres://a:1,b/g?port=2",
                "it has ports behind hosts and the parameter port",
            ),
            (
                "postgres://a,b/g?hostaddr=10.0.0.1",
                "hostaddr is supported for one server only",
            ),
            (
                "postgres://a,b/g?load_balance_hosts=random",
                "load_balance_hosts is not supported",
            ),
        ] {
            let error = split(url).unwrap_err().to_string();
            assert_eq!(error, format!("invalid PostgreSQL URL: {reason}"));
        }
    }
}
