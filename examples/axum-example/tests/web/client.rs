//! A client that keeps its cookie.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, header},
};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Client {
    app: Router,
    pub(crate) cookie: Option<String>,
    pub(crate) bearer: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Client {
    pub(crate) fn new(app: Router) -> Self {
        Self { app, cookie: None, bearer: None }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body.to_string().into()).await
    }

    async fn send(&mut self, method: &str, path: &str, body: Body) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:3000");
        let mut request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        }
        if let Some(token) = &self.bearer {
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        if let Some(cookie) = parts.headers.get(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("Path=/"), "{cookie}");
            self.cookie = (!cookie.contains("Max-Age=0")).then(|| cookie.split(';').next().unwrap().to_owned());
        }
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().into()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}
