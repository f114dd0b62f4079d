//! TLS: the server's certificate is checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::test_server::TestServer;
use crate::{PostgresConfig, PostgresError};

/// Speaks TLS in front of a server that has a socket only, which can be done without a port that others know. Without TLS it says that
/// it has none.
async fn proxy(socket: PathBuf, tls: Option<TlsAcceptor>) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, socket.clone(), tls.clone()));
        }
    });
    Ok(port)
}

async fn serve(
    mut client: TcpStream,
    socket: PathBuf,
    tls: Option<TlsAcceptor>,
) -> std::io::Result<()> {
    // The client asks whether the server has TLS.
    client.read_exact(&mut [0; 8]).await?;
    let Some(tls) = tls else {
        return client.write_all(b"N").await;
    };
    client.write_all(b"S").await?;
    let (mut client, mut server) = (
        tls.accept(client).await?,
        UnixStream::connect(socket).await?,
    );
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// An authority whose certificate is in a file.
fn authority(file: &Path) -> Result<Issuer<'static, KeyPair>, Failed> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(file, parameters.self_signed(&key)?.pem())?;
    Ok(Issuer::new(parameters, key))
}

/// The TLS of a server that is called `localhost`.
fn localhost(authority: &Issuer<'static, KeyPair>) -> Result<TlsAcceptor, Failed> {
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_must_be_that_of_the_server() -> contract::Outcome {
    let server = TestServer::start(&["fsync = off"])?;
    let socket = server.socket();
    let folder = tempfile::tempdir()?;
    let (right, wrong) = (
        folder.path().join("ca.pem"),
        folder.path().join("other.pem"),
    );
    let tls = localhost(&authority(&right)?)?;
    authority(&wrong)?;
    let port = proxy(socket.clone(), Some(tls)).await?;
    let plain = proxy(socket, None).await?;
    for (host, port, file, is_right) in [
        ("localhost", port, &right, true),
        ("localhost", port, &wrong, false),
        ("127.0.0.1", port, &right, false),
        ("localhost", plain, &right, false),
    ] {
        let url = format!(
            "postgres://gumnut@{host}:{port}/postgres?sslrootcert={}",
            file.display()
        );
        let config = PostgresConfig::parse(&url)?.allow_unsafe_durability();
        match PostgresCatalogue::open(&config, Clock::system()).await {
            Ok(catalogue) => {
                assert!(is_right, "{url}");
                contract::if_match_by_two(&Catalogue::new(catalogue)).await?;
            }
            Err(error) => {
                assert!(!is_right, "{url}: {error:?}");
                assert!(
                    matches!(error, PostgresError::Unreachable { .. }),
                    "{error:?}"
                );
            }
        }
    }
    Ok(())
}
