//! A web server that owns fragments, and a folder of templates that `hydra serve` shows with them.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use hydra_tests::{Running, Start};
use tempfile::TempDir;

/// A web server whose fragments are their own names, and `row` a row of a table that waits for the test.
#[derive(Default)]
pub(crate) struct Owner {
    asked: Mutex<HashMap<String, usize>>,
    may_go: Mutex<bool>,
    going: Condvar,
}

impl Owner {
    pub(crate) fn listen() -> (Arc<Self>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let owner = Arc::new(Self::default());
        let shared = owner.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let owner = shared.clone();
                thread::spawn(move || owner.answer(stream));
            }
        });
        (owner, port)
    }

    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?)
            .lines()
            .map_while(Result::ok);
        let target = lines.next()?.split(' ').nth(1)?.to_owned();
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        *self.asked.lock().ok()?.entry(target.clone()).or_default() += 1;
        let (status, body) = match target.as_str() {
            "/broken" | "/gone" => ("500 Internal Server Error", "broken".to_owned()),
            "/row" => {
                let may_go = self.may_go.lock().ok()?;
                drop(self.going.wait_while(may_go, |may_go| !*may_go).ok()?);
                ("200 OK", "<tr><td>row</td></tr>".to_owned())
            }
            "/quick" => ("200 OK", "quick</template><!-- open".to_owned()),
            "/cell" => ("200 OK", "<tr><td>cell</td></tr>".to_owned()),
            "/near" => (
                "200 OK",
                "<script src=\"/once.js\" defer></script><b>near</b>".to_owned(),
            ),
            name => ("200 OK", format!("<b>{}</b>", name.trim_start_matches('/'))),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncache-control: no-store\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .ok()
    }

    pub(crate) fn let_go(&self) {
        *self.may_go.lock().expect("no thread panicked") = true;
        self.going.notify_all();
    }

    pub(crate) fn asked(&self, target: &str) -> usize {
        let asked = self.asked.lock().expect("no thread panicked");
        asked.get(target).copied().unwrap_or_default()
    }
}

/// Serves a folder of these files, with the gateway in the same process. The service `plain` on the port `owner` has the
/// fragments `refs`; the service `away` has `news`, and no instance of it listens.
pub(crate) fn serve(owner: u16, files: &[(&str, &str)], refs: &[&str]) -> (TempDir, Running) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("templates")).expect("made");
    for (name, text) in files {
        fs::write(path("templates").join(name), text).expect("written");
    }
    let refs: Vec<_> = refs.iter().map(|name| format!("{name} = '/{name}'")).collect();
    let refs = refs.join(", ");
    let settings = format!(
        "[serve]\npage_deadline = 60000\n\
         [[service]]\nname = 'plain'\nurl = 'http://127.0.0.1:{owner}'\nfragments = {{ {refs} }}\n\
         [[service]]\nname = 'away'\nurl = 'http://127.0.0.1:1'\nfragments = {{ news = '/news' }}\n"
    );
    fs::write(path("hydra.toml"), settings).expect("written");
    let hydra = Start::program("hydra")
        .arg("serve")
        .arg(&path("templates").display().to_string())
        .arg("--listen")
        .arg("127.0.0.1:0")
        .arg("--with-gateway")
        .arg("--config")
        .arg(&path("hydra.toml").display().to_string())
        .listening();
    (folder, hydra)
}
