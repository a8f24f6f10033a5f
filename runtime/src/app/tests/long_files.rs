//! Forms with files that memory need not hold.

use std::path::Path as FilePath;

use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncReadExt as _;

use super::{
    forms::{KEY, form_plan, seal, sent},
    *,
};
use crate::form::{Done, Fields, Form, Invalid, Upload, UploadFile};

/// A form with a film and any number of pictures, before its texts.
struct Film {
    film: Option<UploadFile>,
    pictures: Vec<UploadFile>,
    poster: Option<Upload>,
    note: String,
}

impl Form for Film {
    const REF: &'static str = "checkout";
    const ACTION: &'static str = "place";
    const FIELDS: &'static [&'static str] = &["film", "pictures", "poster", "note"];
    const RUST_FIELDS: &'static [&'static str] = Self::FIELDS;
    const LONG_FILES: &'static [(&'static str, u64)] = &[("film", 5_000_000), ("pictures", 1_000_000)];

    fn read(fields: &mut Fields) -> Option<Self> {
        let film = fields.take("film");
        let pictures = fields.take("pictures");
        let poster = fields.take("poster");
        let note = fields.take("note");
        Some(Self {
            film: film?,
            pictures: pictures?,
            poster: poster?,
            note: note?,
        })
    }
}

taken_by_handlers!(Film);

/// Answers with the sizes of the files. It hangs, panics or finds the form wrong if its note says so.
async fn keep(form: Film) -> Result<Done, Invalid<Film>> {
    let mut said = form.note;
    if let Some(mut film) = form.film {
        let mut content = Vec::new();
        let mut reader = film.read().await.expect("a reader");
        reader.read_to_end(&mut content).await.expect("read");
        let is_whole = content.len() as u64 == film.size() && content.iter().all(|byte| *byte == b'x');
        said += &format!(" {} {is_whole}", film.size());
    }
    for picture in &form.pictures {
        said += &format!(" {}", picture.size());
    }
    if let Some(poster) = form.poster {
        said += &format!(" poster {}", poster.content.len());
    }
    match said.split(' ').next() {
        Some("hang") => std::future::pending().await,
        Some("panic") => panic!("as asked"),
        Some("wrong") => Err(Invalid::new().field("film", said)),
        _ => Ok(Done::to(said)),
    }
}

fn film_app(folder: &FilePath) -> App {
    App::with_plan("shop", form_plan()).action(keep).settings(
        Partial::default()
            .private_key(KEY)
            .form_body("100KB")
            .action_timeout("2s")
            .upload_folder(folder.display().to_string()),
    )
}

/// A part of a form: its name, the name of its file, and its content.
fn part(name: &str, file: Option<&str>, content: &str) -> String {
    let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
}

fn film(bytes: usize) -> String {
    part("film", Some("a.mp4"), &"x".repeat(bytes))
}

fn note(text: &str) -> String {
    part("note", None, text) + "--b--\r\n"
}

/// The form with this body, as a gateway passes it on.
async fn form(body: Body) -> Request<Body> {
    let mut request = sent(&seal(json!({})).await, body);
    let multipart = "multipart/form-data; boundary=b".parse().expect("a value");
    request.headers_mut().insert(header::CONTENT_TYPE, multipart);
    request
}

async fn posted(folder: &FilePath, body: Body) -> (StatusCode, Value) {
    let (status, _, text) = answer(film_app(folder), form(body).await).await;
    (status, serde_json::from_str(&text).expect("JSON"))
}

/// Asserts that nothing is left of files: no name in the folder, and no open file without a name.
async fn assert_empty(folder: &FilePath) {
    let is_empty = || {
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let mut open = open.filter_map(|file| std::fs::read_link(file.path()).ok());
        let has_open = open.any(|target| target.starts_with(folder));
        !has_open && std::fs::read_dir(folder).expect("a folder").next().is_none()
    };
    for _ in 0..1_000 {
        if is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("something is left in {}", folder.display());
}

#[tokio::test]
async fn long_files_come_with_all_other_fields_in_any_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = |bytes| part("pictures", Some("p"), &"x".repeat(bytes));
    let poster = part("poster", Some("p"), &"x".repeat(50_000));
    for (body, expected) in [
        (note("none"), "none"),
        (part("film", Some(""), "") + &note("absent"), "absent"),
        (film(3) + &note("short"), "short 3 true"),
        (film(16 << 10) + &note("beginning"), "beginning 16384 true"),
        (film(5_000_000) + &note("long"), "long 5000000 true"),
        (
            picture(500_000) + &film(20_000) + &picture(500_000) + &poster + &note("all"),
            "all 20000 true 500000 500000 poster 50000",
        ),
    ] {
        let (status, answer) = posted(folder.path(), body.into()).await;
        assert_eq!(
            (status, &answer["to"]),
            (StatusCode::OK, &json!(expected)),
            "{answer}"
        );
        assert_empty(folder.path()).await;
    }
    let (status, answer) = posted(folder.path(), (film(300_000) + &note("wrong")).into()).await;
    assert_eq!(
        (status, &answer["outcome"]),
        (StatusCode::OK, &json!("invalid")),
        "{answer}"
    );
    let (_, answer) = posted(folder.path(), (part("film", None, "text") + &note("x")).into()).await;
    assert_eq!(answer["outcome"], "invalid", "{answer}");
    assert_empty(folder.path()).await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_the_reason_says_what_to_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = |bytes| part("pictures", Some("p"), &"x".repeat(bytes));
    let too_long = "is longer than its `#[form(max = \"…\")]` allows";
    for (body, expected) in [
        (film(5_000_001) + &note("x"), too_long),
        (picture(600_000) + &picture(600_000) + &note("x"), too_long),
        (
            part("poster", Some("p"), &"x".repeat(400_000)) + &note("x"),
            "the setting `form_body` allows more",
        ),
        (
            film(2_000_000) + &note(&"x".repeat(400_000)),
            "the setting `form_body` allows more",
        ),
        (
            "--b\r\nContent-Disposition: form-data; name=\"".to_owned() + &"x".repeat(2_000_000),
            "the setting `form_body` allows more",
        ),
    ] {
        let (status, answer) = posted(folder.path(), body.into()).await;
        let reason = answer["reason"].as_str().expect("a reason");
        assert!(
            status == StatusCode::PAYLOAD_TOO_LARGE && reason.contains(expected),
            "{status} {reason}"
        );
        assert_empty(folder.path()).await;
    }
    let (status, answer) = posted(folder.path(), (picture(1).repeat(101) + &note("x")).into()).await;
    let reason = answer["reason"].as_str().expect("a reason");
    assert!(
        status == StatusCode::BAD_REQUEST && reason.contains("more than 100 long files"),
        "{status} {reason}"
    );
}

/// A film of so many bytes, in pieces, and then `end`.
fn beginning(
    bytes: usize,
    end: impl futures_util::Stream<Item = std::io::Result<String>> + Send + 'static,
) -> Body {
    let film = film(bytes);
    let (begun, _) = film.split_at(film.len() - 2);
    let pieces: Vec<_> = begun.as_bytes().chunks(10_000).map(<[u8]>::to_vec).collect();
    let pieces = pieces
        .into_iter()
        .map(|piece| Ok(String::from_utf8(piece).expect("ASCII")));
    Body::from_stream(stream::iter(pieces).chain(end))
}

#[tokio::test]
async fn nothing_is_left_of_a_form_that_does_not_arrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let early = beginning(300_000, stream::empty());
    let broken = beginning(300_000, stream::iter([Err(std::io::Error::other("gone"))]));
    for body in [early, broken] {
        let (status, answer) = posted(folder.path(), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert_empty(folder.path()).await;
    }
    let (status, answer) = posted(folder.path(), beginning(300_000, stream::pending())).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "{answer}");
    assert_empty(folder.path()).await;
    for (text, expected) in [
        ("hang", "its handler took too long"),
        ("panic", "its handler panicked"),
    ] {
        let (status, answer) = posted(folder.path(), (film(300_000) + &note(text)).into()).await;
        let failed = (StatusCode::INTERNAL_SERVER_ERROR, &json!(expected));
        assert_eq!((status, &answer["reason"]), failed);
        assert_empty(folder.path()).await;
    }
}

/// The visitor goes away while the file arrives, and while the handler runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_after_a_visitor_who_goes_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let hang = Body::from(film(300_000) + &note("hang"));
    for body in [beginning(300_000, stream::pending()), hang] {
        let answering = answer(film_app(folder.path()), form(body).await);
        let came = tokio::time::timeout(std::time::Duration::from_millis(300), answering).await;
        assert!(came.is_err());
        assert_empty(folder.path()).await;
    }
}

#[tokio::test]
async fn without_room_for_a_file_nothing_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = film_app(folder.path()).into_router().expect("assembled");
    drop(folder);
    let request = form(Body::from(film(300_000) + &note("x"))).await;
    let response = app.oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = to_bytes(response.into_body(), 10_000).await.expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(
        text.contains("The setting `upload_folder` names another folder"),
        "{text}"
    );

    let error = film_app(FilePath::new("/no/such folder")).into_router().map(drop);
    let error = error.expect_err("no folder").to_string();
    assert!(
        error.starts_with("`upload_folder`: no file can be made in `/no/such folder`"),
        "{error}"
    );
}
