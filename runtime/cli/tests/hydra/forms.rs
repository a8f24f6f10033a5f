//! Forms in fragments on the pages of a folder, in one process with the gateway.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use axum::{Json, Router, body::Body, routing::post as on_post};
use http::{Request, StatusCode};
use serde_json::json;

use crate::{
    front::Front,
    support::{Answer, Running, post, said, send, send_heartbeats, service, until},
};

const PAGE: &str = r#"<h1>Pay</h1>
<m:fragment service="orders" ref="checkout">no form</m:fragment>
<m:fragment service="news" ref="banner">no banner</m:fragment>
<footer>{{ q }}</footer>"#;

/// `hydra serve` with a gateway, and with a page whose fragments are those of `orders` and of the plain service `news`.
fn front(news: &str) -> Front {
    let settings = |_: &std::path::Path| {
        format!(
            "[[service]]\nname = 'news'\nurl = '{news}'\nendpoints = ['/subscribe']\n\
             fragments = {{ banner = '/banner' }}\nforms = {{ banner = ['/subscribe'] }}\ncookies = ['token']\n"
        )
    };
    let arguments = |folder: &std::path::Path| {
        let templates = folder.join("templates");
        fs::create_dir(&templates).expect("a folder");
        fs::write(templates.join("pay.html"), PAGE).expect("written");
        fs::write(templates.join("pay.json"), r#"{"q": "-"}"#).expect("written");
        let templates = templates.display().to_string();
        [
            "serve",
            &templates,
            "--with-gateway",
            "--no-reload",
            "--listen",
            "127.0.0.1:0",
        ]
        .map(str::to_owned)
        .into()
    };
    Front::start_program(settings, arguments, 1)
}

async fn orders(gateway: &str) -> Running {
    let action = async || {
        Json(json!({
            "outcome": "invalid", "ref": "checkout", "imports": "x", "renderedHTML": "<form>is wrong</form>",
        }))
    };
    let orders = service(Router::new().route("/h/action/hydra", on_post(action))).await;
    let more = json!({
        "protocol": 2, "instance": "8b7a1f52-1f0e-4b4e-9d0c-2f6f0d7f6a11",
        "contract": {"service": "orders", "fragments": {"checkout": {}}},
    });
    let answer = post(
        &format!("{gateway}/h/discovery/hydra/registration"),
        &said("orders", &orders, more),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    orders
}

async fn post_form(front: &Front, target: &str, body: &str) -> Answer {
    let url = &front.urls[0];
    let request = Request::post(format!("{url}{target}"))
        .header("referer", format!("{url}/pay"))
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded");
    send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn what_can_not_be_used_comes_back_into_a_page_of_the_folder() {
    let front = front("http://127.0.0.1:9");
    let orders = orders(&front.urls[0]).await;
    send_heartbeats(
        front.urls[0]
            .trim_start_matches("http://")
            .parse()
            .expect("an address"),
        &["orders"],
    );
    // `orders`, and bytes that only it could read.
    let target = "/pay?hydra-form=b3JkZXJz.c2VhbGVk";
    let answered = post_form(&front, target, "card=1").await;
    assert_eq!(
        answered.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answered.text()
    );
    let text = answered.text();
    assert!(
        text.contains("<h1>Pay</h1>\n<form>is wrong</form>\nno banner\n<footer>"),
        "{text}"
    );
    assert_eq!(answered.headers["cache-control"], "private, no-cache");
    assert!(!answered.headers.contains_key("hydra-form"));
    let visited = crate::support::get(&format!("{}{target}", front.urls[0])).await;
    assert_eq!(
        (visited.status, &visited.headers["location"]),
        (StatusCode::SEE_OTHER, &"/pay".parse().expect("a value"))
    );
    let elsewhere = post_form(&front, "/nothing?hydra-form=b3JkZXJz.c2VhbGVk", "card=1").await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    drop(orders);
}

/// A web server of a few lines, which knows nothing of Hydra.
const NEWS: &str = r#"
import http.server, urllib.parse

class News(http.server.BaseHTTPRequestHandler):
    def answer(self, status, html, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": len(html), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(html.encode())

    def form(self, value="", wrong=""):
        return f'<form method="post" action="/subscribe">{wrong}<input name="mail" value="{value}"></form>'

    def do_GET(self):
        self.answer(200, self.form(self.headers.get("Cookie", "")), **{"Set-Cookie": "token=1; Path=/news; HttpOnly"})

    def do_POST(self):
        typed = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["mail"][0]
        if "@" in typed:
            self.answer(303, "", Location="/thanks")
        else:
            self.answer(422, self.form(typed, "This address is wrong. "))

    def log_message(self, *said):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), News)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// A program in Python that prints its port, and does not outlive its test.
struct Python {
    child: Child,
    port: u16,
}

impl Python {
    fn start(text: &str) -> Self {
        let mut python = Command::new("python3");
        let mut child = python
            .args(["-c", text])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_server_that_knows_nothing_of_hydra_shows_its_form_again_in_the_page() {
    let python = Python::start(NEWS);
    let front = front(&format!("http://127.0.0.1:{}", python.port));
    until("the banner is on the page", async || {
        crate::support::get(&format!("{}/pay", front.urls[0]))
            .await
            .text()
            .contains("name=\"mail\"")
    })
    .await;
    let wrong = post_form(&front, "/subscribe", "mail=ann").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text());
    let text = wrong.text();
    let form = r#"<form method="post" action="/subscribe">This address is wrong. <input name="mail" value="ann"></form>"#;
    assert!(text.contains(&format!("no form\n{form}\n<footer>")), "{text}");
    let right = post_form(&front, "/subscribe", "mail=ann%40shop.example").await;
    assert_eq!(
        (right.status, &right.headers["location"]),
        (StatusCode::SEE_OTHER, &"/thanks".parse().expect("a value"))
    );
}

#[tokio::test]
async fn its_cookies_pass_with_the_fragments_of_pages_in_the_same_process() {
    let python = Python::start(NEWS);
    let front = front(&format!("http://127.0.0.1:{}", python.port));
    let page = async |cookie: &str| {
        let request = Request::get(format!("{}/pay", front.urls[0])).header("cookie", cookie);
        send(request.body(Body::empty()).expect("a request")).await
    };
    until("the banner is on the page", async || {
        page("token=of-another").await.text().contains("value=\"\"")
    })
    .await;
    let first = page("").await;
    let set = first.headers["set-cookie"].to_str().expect("text");
    let (pair, attributes) = set.split_once(';').expect("attributes");
    assert!(
        pair.starts_with("HYDRA-COOKIE-") && pair.ends_with("-token=1"),
        "{set}"
    );
    assert_eq!(attributes, " Path=/; HttpOnly");
    assert_eq!(first.headers["cache-control"], "private, no-store");
    assert!(!first.headers.contains_key("hydra-cookies"));
    let again = page(&format!("theme=dark; {pair}")).await;
    assert!(again.text().contains("value=\"token=1\""), "{}", again.text());
    let wrong = post_form(&front, "/subscribe", "mail=ann").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text());
}
