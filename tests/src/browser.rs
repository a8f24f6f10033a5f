//! A real browser: Chromium, driven over WebDriver by Debian's `chromedriver`.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{PATIENCE, Running, Start};

/// How long the driver may take for one answer: on a machine that has much to do, a browser starts slowly.
const PATIENCE_WITH_DRIVER: Duration = Duration::from_secs(60);

/// A browser with one empty window. It ends when this is dropped.
pub struct Browser {
    driver: Running,
    port: String,
    session: String,
}

impl Browser {
    /// Starts it.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn open() -> Self {
        Self::with(&[])
    }

    /// Starts one that does not know `<template for>`, as browsers did before it was there.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn of_yesterday() -> Self {
        Self::with(&["--disable-blink-features=HTMLProcessingInstruction,DocumentPatching"])
    }

    /// Starts it with more arguments.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn with(more: &[&str]) -> Self {
        let (driver, line) = start_driver();
        let port = line.rsplit("on port ").next().unwrap_or_default();
        let mut browser = Self {
            port: port.trim_end_matches('.').to_owned(),
            driver,
            session: String::new(),
        };
        // Root has no sandbox, and containers have little shared memory.
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=800,600",
        ];
        arguments.extend(more);
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            // A page whose response is still open counts as opened.
            "pageLoadStrategy": "none",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.call("POST", "/session", &wanted);
        browser.session = match session["sessionId"].as_str() {
            Some(id) => format!("/session/{id}"),
            None => panic!("no browser: {session}\n{}", browser.driver.printed()),
        };
        browser
    }

    /// Goes to an address.
    ///
    /// # Panics
    /// Where the driver is gone.
    pub fn go(&self, address: &str) {
        self.call("POST", &format!("{}/url", self.session), &json!({"url": address}));
    }

    /// Goes to an address from an empty page, so that nothing on the page before can be taken for what is on this one.
    ///
    /// # Panics
    /// Where the driver is gone.
    pub fn go_anew(&self, address: &str) {
        self.go("about:blank");
        self.wait("return location.href", "about:blank");
        self.go(address);
    }

    /// Waits until an element has this text, on a page that is there in full.
    ///
    /// # Panics
    /// Where it hasn't.
    pub fn wait_for_text(&self, selector: &str, text: &str) {
        self.wait(
            &format!(
                "return document.readyState === 'complete' && document.querySelector(`{selector}`)?.textContent"
            ),
            text,
        );
    }

    /// Runs a script on the page, as the body of a function, and gives what it returns.
    ///
    /// # Panics
    /// Where the driver is gone.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        let path = format!("{}/execute/sync", self.session);
        self.call("POST", &path, &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns `expected`.
    ///
    /// # Panics
    /// Where it does not.
    pub fn wait(&self, script: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        let mut last = Value::Null;
        let end = Instant::now() + PATIENCE;
        while last != expected {
            assert!(Instant::now() < end, "`{script}` is {last}, not {expected}");
            thread::sleep(Duration::from_millis(20));
            last = self.run(script);
        }
    }

    /// Sends a command of the DevTools protocol, and gives its answer.
    ///
    /// # Panics
    /// Where the driver is gone.
    pub fn tell(&self, command: &str, parameters: &Value) -> Value {
        let path = format!("{}/goog/cdp/execute", self.session);
        self.call("POST", &path, &json!({"cmd": command, "params": parameters}))
    }

    /// Lets pages that are opened from now on run scripts, or not.
    ///
    /// # Panics
    /// Where the driver is gone.
    pub fn allow_scripts(&self, may_run: bool) {
        self.tell(
            "Emulation.setScriptExecutionDisabled",
            &json!({"value": !may_run}),
        );
    }

    /// Types into what has the focus, or what `selector` finds.
    ///
    /// # Panics
    /// Where there is no such element.
    pub fn type_into(&self, selector: &str, text: &str) {
        let found = self.call(
            "POST",
            &format!("{}/element", self.session),
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found
            .as_object()
            .and_then(|found| found.values().next())
            .and_then(Value::as_str);
        let id = id.unwrap_or_else(|| panic!("no `{selector}`: {found}"));
        self.call(
            "POST",
            &format!("{}/element/{id}/value", self.session),
            &json!({"text": text}),
        );
    }

    /// Presses a key, as a person at a keyboard does: `Tab`, `Enter` or `Space`.
    ///
    /// # Panics
    /// For another key, and where the driver is gone.
    pub fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Space" => (32, " "),
            _ => panic!("{key}"),
        };
        let name = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.tell("Input.dispatchKeyEvent", &event);
        }
    }

    /// Presses the tabulator key until what has the focus has this text, value or name.
    ///
    /// # Panics
    /// Where the key does not lead there.
    pub fn tab_to(&self, wanted: &str) {
        let focused = "const it = document.activeElement; return [it.textContent.trim(), it.name, it.getAttribute('aria-label')]";
        for _ in 0..80 {
            self.press("Tab");
            let at = self.run(focused);
            if at
                .as_array()
                .is_some_and(|names| names.iter().any(|name| name == wanted))
            {
                return;
            }
        }
        panic!("the tabulator key does not lead to {wanted}");
    }

    /// Types a text where the focus is.
    ///
    /// # Panics
    /// Where the driver is gone.
    pub fn type_text(&self, text: &str) {
        self.tell("Input.insertText", &json!({ "text": text }));
    }

    /// The errors on the console since this was asked last, or since the start.
    ///
    /// # Panics
    /// Where the driver is gone.
    #[must_use]
    pub fn console_errors(&self) -> Vec<String> {
        let path = format!("{}/se/log", self.session);
        let log = self.call("POST", &path, &json!({"type": "browser"}));
        let lines = log.as_array().into_iter().flatten();
        let errors = lines.filter(|line| line["level"] == "SEVERE");
        errors
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// A picture of what is seen, as the bytes of a PNG in base64.
    ///
    /// # Panics
    /// Where the driver is gone.
    #[must_use]
    pub fn picture(&self) -> String {
        let answer = self.tell("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        answer["data"].as_str().unwrap_or_default().to_owned()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, &body.to_string());
        let mut answer = answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.driver.printed()));
        answer["value"].take()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<Value> {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port))?;
        stream.set_read_timeout(Some(PATIENCE_WITH_DRIVER))?;
        let (host, length) = (&self.port, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost:{host}\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while answer.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}

/// The driver, and the line that names its port. It takes a port of IPv6 and then the same one of IPv4, which another process
/// may have got meanwhile: then it ends, and is started anew.
fn start_driver() -> (Running, String) {
    const STARTED: &str = "successfully on port ";
    let start = || {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0");
        Start::command(command).start()
    };
    for _ in 0..4 {
        let mut driver = start();
        if let Ok(line) = driver.find_line(STARTED) {
            return (driver, line);
        }
    }
    let mut driver = start();
    let line = driver.line_with(STARTED);
    (driver, line)
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser along. If the driver does not answer, ending it is all that can be done.
        let _ = self.ask("DELETE", &self.session, "{}");
    }
}
