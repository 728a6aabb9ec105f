//! A client that is logged in: its requests look like a browser's.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

pub struct Client {
    port: u16,
    credential: Option<(String, String)>,
}

impl Client {
    pub fn log_in(port: u16) -> Self {
        let mut client = Self { port, credential: None };
        let answer = client.ask("POST", "/login");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        client.credential = match cookie {
            Some(cookie) => {
                let pair = cookie.split(';').next().expect("a pair");
                Some(("cookie".to_owned(), pair.to_owned()))
            }
            None if !body.is_empty() => Some(("authorization".to_owned(), format!("Bearer {body}"))),
            None => None,
        };
        client
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub fn headers(&self) -> Vec<(&str, &str)> {
        let mut headers = vec![
            ("user-agent", AGENT),
            ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("accept-language", "en-GB,en;q=0.7"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
        ];
        headers.extend(self.credential.as_ref().map(|(name, value)| (&**name, &**value)));
        headers
    }

    /// The route answers with the user.
    pub fn check(&self, user: &str) {
        let answer = self.ask("GET", "/");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(user), "{answer}");
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in self.headers() {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}content-length: 0\r\n\r\n").as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }
}
