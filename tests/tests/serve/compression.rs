//! What of a folder is sent compressed: pages where the settings say so, and files that have a compressed one beside them.

use std::fs;

use hydra_tests::get_with;

use super::{nginx, serve};

/// Text that is long enough to be compressed.
fn long(more: &str) -> String {
    format!(
        "<p>{}</p>\n{more}\n",
        "All work is done beside the street. ".repeat(100)
    )
}

#[test]
fn pages_are_compressed_where_the_settings_say_so_and_files_that_are_so_on_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, _nginx) = nginx(folder.path());
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    let fragment = "<m:fragment service=\"plain\" ref=\"banner\">no banner</m:fragment>";
    write("templates/index.html", &long(fragment));
    write("templates/about.html", &long(""));
    write("templates/short.html", "<p>short</p>");
    write("templates/plain.html", &long(""));
    write("templates/app.css", &long("plain"));
    write("templates/other.css", &long("plain"));
    for (ending, text) in [("br", "as br"), ("zst", "as zstd"), ("gz", "as gzip")] {
        write(&format!("templates/app.css.{ending}"), text);
    }
    write(
        "hydra.toml",
        &format!(
            "compress = true\n[[service]]\nname = 'plain'\nurl = 'http://127.0.0.1:{port}'\n\
             fragments = {{ banner = '/banner.html' }}\n[[route]]\npath = '/plain'\ncompress = false\n"
        ),
    );
    let hydra = serve(folder.path()).listening();
    for (path, accepted, cookie, expected) in [
        ("/", "gzip", "", Some("gzip")),
        ("/", "gzip, br;q=0.5", "", Some("gzip")),
        ("/", "zstd", "", Some("zstd")),
        ("/", "identity", "", None),
        ("/about", "br", "a=b", Some("br")),
        ("/short", "gzip", "", None),
        ("/plain", "gzip", "", None),
        // The fragments of a page get the login, and may show what only its user may know.
        ("/", "gzip", "HYDRA-SSO=x", None),
        ("/about", "gzip", "HYDRA-SSO=x", Some("gzip")),
        ("/app.css", "br, gzip", "", Some("br")),
        ("/app.css", "gzip", "", Some("gzip")),
        ("/app.css", "zstd", "", Some("zstd")),
        ("/app.css", "identity", "", None),
        ("/other.css", "br, gzip", "", None),
    ] {
        let case = format!("{path} {accepted} {cookie}");
        let headers = [("accept-encoding", accepted), ("cookie", cookie)];
        let answer = get_with(&hydra.address, path, &headers).expect("an answer");
        assert_eq!(answer.status, 200, "{case}");
        let coding = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("content-encoding: "));
        assert_eq!(coding, expected, "{case}");
        let whole = answer.body.contains("beside the street. All") || path == "/short";
        assert_eq!(whole, expected.is_none(), "{case}");
        if let (true, Some(coding)) = (path == "/app.css", coding) {
            assert_eq!(answer.body, format!("as {coding}"), "{case}");
        }
    }
}
