//! `hydra serve`: a site with no Rust written, with fragments from a plain web server.

mod compression;
mod errors;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod login;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
};

use hydra_tests::{PATIENCE, Running, Start, get, post, wait_for};
use tempfile::TempDir;

/// A folder of templates, its settings, and the plain web server that its fragments come from.
struct Site {
    folder: TempDir,
    nginx: Option<Running>,
    hydra: Running,
}

const PAGE: &str = "<!doctype html><title>{{ title }}</title>\n<h1>{{ title }}</h1>\n\
    <m:fragment service=\"plain\" ref=\"banner\" exports=\"price\">no banner</m:fragment>\n\
    <p id=\"price\">{{ price or 'no price' }}</p>\n\
    <m:fragment ref=\"greeting\" imports=\"title as name\">no greeting</m:fragment>\n";

impl Site {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, nginx) = nginx(folder.path());
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it has a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("templates/index.html", PAGE);
        write("templates/index.toml", "title = 'Shop'\n");
        write(
            "templates/parts.html",
            "<b m:ref=\"greeting\" m:imports=\"name: string = 'you'\" m:styles=\"css/shop.css\">Hello {{ name }}</b>",
        );
        write(
            "templates/kept.html",
            "<m:fragment service=\"plain\" ref=\"banner\" stale=\"1h\">no banner</m:fragment>",
        );
        write("templates/css/shop.css", "h1 { color: green }\n");
        let service = "[[service]]\nname = 'plain'\nfragments = { banner = '/banner.html' }\n";
        write(
            "hydra.toml",
            &format!("{service}url = 'http://127.0.0.1:{port}'\n"),
        );
        let hydra = serve(folder.path()).listening();
        Self {
            folder,
            nginx: Some(nginx),
            hydra,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn get(&self, path: &str) -> hydra_tests::Answer {
        get(&self.hydra.address, path).expect("an answer")
    }
}

fn serve(folder: &Path) -> Start {
    let path = |name: &str| folder.join(name).display().to_string();
    Start::program("hydra")
        .arg("serve")
        .arg(&path("templates"))
        .arg("--listen")
        .arg("127.0.0.1:0")
        .arg("--with-gateway")
        .arg("--config")
        .arg(&path("hydra.toml"))
}

/// nginx with a banner, and the port that it listens on.
fn nginx(folder: &Path) -> (u16, Running) {
    let run = folder.join("nginx");
    fs::create_dir_all(run.join("www")).expect("made");
    fs::write(
        run.join("www/banner.html"),
        "<i>Tea {{ 7*7 }} <m:fragment ref=\"x\"/></i>",
    )
    .expect("written");
    // The port is free now; nginx can't say which one it took by itself.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let at = run.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};"));
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log stderr; events {{}}\n\
         http {{ access_log off; {} default_type text/html;\n\
         server {{ listen 127.0.0.1:{port}; root {at}/www; add_header hydra-exports '{{\"price\":\"12 euros\",\"secret\":1}}'; }} }}\n",
        temporary.concat()
    );
    let file = run.join("nginx.conf");
    fs::write(&file, config).expect("written");
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(file);
    let nginx = Start::command(command).start();
    let address = format!("http://127.0.0.1:{port}");
    wait_for("nginx answers", PATIENCE, || get(&address, "/banner.html").ok());
    (port, nginx)
}

#[test]
fn a_folder_is_a_site_with_fragments_from_a_plain_web_server() {
    let site = Site::open();
    let page = site.get("/").body;
    for part in [
        "<h1>Shop</h1>",
        "<i>Tea {{ 7*7 }} <m:fragment ref=\"x\"/></i>",
        "<p id=\"price\">12 euros</p>",
        "<link rel=\"stylesheet\" href=\"/css/shop.css\">\n<b>Hello Shop</b>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(
        site.get("/?title=a%3Cb").body.contains("<h1>Shop</h1>"),
        "the file of the page wins"
    );
    assert!(site.get("/css/shop.css").head.contains("content-type: text/css"));
    assert_eq!(site.get("/health").status, 200);
    for hidden in ["/index.toml", "/index.html", "/parts.html", "/nothing"] {
        assert_eq!(site.get(hidden).status, 404, "{hidden}");
    }
    assert_eq!(
        site.get("/%2e%2e/hydra.toml").status,
        400,
        "no path leads out of the folder"
    );
}

#[test]
fn the_page_lives_on_without_the_plain_web_server() {
    let mut site = Site::open();
    let whole = site.get("/").body;
    drop(site.nginx.take());
    let page = wait_for("the fallback", PATIENCE, || {
        Some(site.get("/").body).filter(|body| body.contains("no banner"))
    });
    assert!(
        whole.contains("12 euros") && page.contains("<p id=\"price\">no price</p>"),
        "{page}"
    );
    assert!(
        page.contains("<h1>Shop</h1>") && page.contains("<b>Hello Shop</b>"),
        "{page}"
    );
}

#[test]
fn an_old_copy_is_shown_without_the_plain_web_server() {
    let mut site = Site::open();
    assert!(site.get("/kept").body.contains("<i>Tea"));
    drop(site.nginx.take());
    wait_for("the fallback", PATIENCE, || {
        Some(()).filter(|()| site.get("/").body.contains("no banner"))
    });
    let page = site.get("/kept").body;
    assert!(page.contains("<i>Tea") && !page.contains("no banner"), "{page}");
}

#[test]
fn a_changed_template_is_served_at_once_and_a_broken_one_not_at_all() {
    let site = Site::open();
    let index = site.path("templates/index.html");
    fs::write(&index, PAGE.replace("<h1>", "<h1 class=\"new\">")).expect("written");
    let body = |what: &str, part: &str| {
        wait_for(what, PATIENCE, || {
            Some(site.get("/").body).filter(|body| body.contains(part))
        })
    };
    body("the new page", "<h1 class=\"new\">");
    fs::write(
        &index,
        format!("{PAGE}<m:fragment service=\"plain\" exports=\"price\">"),
    )
    .expect("written");
    wait_for("the report", PATIENCE, || {
        Some(()).filter(|()| site.hydra.printed().contains("missing-ref"))
    });
    body("the last good page", "<h1 class=\"new\">");
    fs::write(&index, PAGE.replace("<h1>", "<h1 class=\"newer\">")).expect("written");
    body("the mended page", "<h1 class=\"newer\">");
}

#[test]
fn a_folder_with_errors_is_not_served() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("templates")).expect("made");
    fs::write(folder.path().join("hydra.toml"), "").expect("written");
    fs::write(
        folder.path().join("templates/index.html"),
        "{{ a b }}<m:fragment/>",
    )
    .expect("written");
    let mut hydra = serve(folder.path()).start();
    assert_eq!(hydra.ended().code(), Some(2));
    wait_for("the report", PATIENCE, || {
        let printed = hydra.printed();
        Some(()).filter(|()| printed.contains("template-syntax") && printed.contains("missing-ref"))
    });
}

/// A folder of templates and nothing else.
fn templates(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// `hydra serve` for a folder, with no settings.
fn alone(folder: &TempDir) -> Running {
    Start::program("hydra")
        .arg("serve")
        .arg(&folder.path().display().to_string())
        .arg("--listen")
        .arg("127.0.0.1:0")
        .listening()
}

#[test]
fn a_folder_is_served_without_a_gateway_and_without_settings() {
    let folder = templates(&[
        ("index.html", PAGE),
        ("index.json", r#"{"title": "Alone"}"#),
        (
            "parts.html",
            "<b m:ref=\"greeting\" m:imports=\"name: string\">Hello {{ name }}</b>",
        ),
    ]);
    let hydra = alone(&folder);
    let page = get(&hydra.address, "/").expect("an answer");
    assert_eq!(page.status, 200, "{page:?}");
    for part in [
        "<h1>Alone</h1>",
        "<b>Hello Alone</b>",
        "no banner",
        "<p id=\"price\">no price</p>",
    ] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
    for of_a_gateway in ["/health", "/_h/services", "/login"] {
        assert_eq!(
            get(&hydra.address, of_a_gateway).expect("an answer").status,
            404,
            "{of_a_gateway}"
        );
    }
}

#[test]
fn the_report_is_that_of_hydra_compile() {
    let folder = templates(&[
        (
            "index.html",
            "{{ a b }}<m:fragment/>\n<m:fragment ref=\"x\" exports=\"a, a\"/>",
        ),
        (
            "other.html",
            "<p>\n{% if x %}<m:fragment ref=\"b\" timeout=\"soon\"/></p>",
        ),
    ]);
    let path = folder.path().display().to_string();
    // The last line may be read a moment after the process has ended.
    let report = |program: Running| {
        wait_for("the whole report", PATIENCE, || {
            let printed = program.printed().trim().to_owned();
            Some(printed).filter(|printed| printed.ends_with(" in 2 templates"))
        })
    };
    let compile = report(Start::program("hydra-compile").arg("check").arg(&path).start());
    let serve = report(
        Start::program("hydra")
            .arg("serve")
            .arg(&path)
            .arg("--listen")
            .arg("127.0.0.1:0")
            .start(),
    );
    for code in [
        "template-syntax",
        "missing-ref",
        "duplicate-export",
        "bad-duration",
    ] {
        assert!(compile.contains(code), "{code}\n{compile}");
    }
    assert_eq!(serve.trim_start_matches("hydra:").trim(), compile);
}

/// A service whose every page is `body`.
fn web_service(body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .ok();
        }
    });
    port
}

#[test]
fn the_gateway_answers_at_the_address_of_the_site() {
    let site = Site::open();
    assert_eq!(site.get("/health").body, r#"{"status":"ok"}"#);
    assert_eq!(site.get("/orders").status, 404);
    let port = web_service("orders of the service");
    let said = format!(
        r#"{{"webProtocol":"http","host":"127.0.0.1","port":{port},"name":"orderService","endpoints":["/orders"]}}"#
    );
    let answer = post(&site.hydra.address, "/h/discovery/hydra/registration", &said).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = wait_for("the page of the service", PATIENCE, || {
        Some(site.get("/orders")).filter(|page| page.status == 200)
    });
    assert_eq!(page.body, "orders of the service");
    assert!(
        site.get("/").body.contains("<h1>Shop</h1>"),
        "the site is at the same port"
    );
}
