//! The HTTP client, lean enough not to be what is measured: one kept-alive connection, ready-made
//! bodies, answers read to their end and not parsed.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use timedb_tests::Server;
use tokio::net::TcpStream;

use crate::Result;

/// A connection that stays open.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    key: String,
}

impl Connection {
    /// Connects, with the key that every request will have.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(server: &Server, key: &str) -> Result<Self> {
        let host = server.url().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // An error of the connection shows in the next request.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            host,
            key: key.to_owned(),
        })
    }

    /// GET; returns how long the body was.
    ///
    /// # Errors
    /// When the answer is not 200 or does not come to its end.
    pub async fn get(&mut self, path: &str) -> Result<usize> {
        self.length(Method::GET, path, Bytes::new()).await
    }

    /// POST of a JSON body; returns how long the answer's body was.
    ///
    /// # Errors
    /// When the answer is not 200 or does not come to its end.
    pub async fn post(&mut self, path: &str, body: Bytes) -> Result<usize> {
        self.length(Method::POST, path, body).await
    }

    /// GET; returns the body.
    ///
    /// # Errors
    /// When the answer is not 200 or does not come to its end.
    pub async fn fetch(&mut self, path: &str) -> Result<Bytes> {
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(answer.into_body().collect().await?.to_bytes())
    }

    async fn length(&mut self, method: Method, path: &str, body: Bytes) -> Result<usize> {
        let mut body = self.send(method, path, body).await?.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("x-api-key", &self.key)
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            let text = answer.into_body().collect().await?.to_bytes();
            let text = String::from_utf8_lossy(&text);
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(answer)
    }
}
