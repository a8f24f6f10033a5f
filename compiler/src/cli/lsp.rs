//! `lsp`: the language server, over standard input and output.

mod client;
mod convert;
mod frames;
mod server;
mod uri;
mod watch;

use std::{
    io::{self, BufReader, Write},
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
};

use hydra_compile::editor::disk::DiskChange;

use super::{CommandResult, Failure};
use frames::Frame;
use server::{Outgoing, Server};

/// How many messages may wait. A faster editor waits for the server.
const QUEUE: usize = 256;

/// How many waiting messages are taken before the sites are checked.
const MOST_BEFORE_CHECK: usize = 1_000;

/// Something that the server reacts to.
enum Event {
    /// A message of the editor, or a text that is not one.
    Frame(Frame),
    /// What changed on the disk, where the editor can't say so itself.
    Disk(Vec<DiskChange>),
    /// The editor is gone.
    End,
}

/// Answers an editor until it says `exit` or goes away.
pub(crate) fn lsp() -> Result<CommandResult, Failure> {
    let (sender, events) = mpsc::sync_channel(QUEUE);
    let reader = sender.clone();
    // It ends with the process: it may wait for input for ever.
    thread::spawn(move || read(&reader));
    serve(&events, &sender, &mut io::stdout().lock())
}

fn read(events: &SyncSender<Event>) {
    let mut input = BufReader::new(io::stdin().lock());
    while let Ok(Some(frame)) = frames::read(&mut input) {
        if events.send(Event::Frame(frame)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::End);
}

/// Takes all messages that wait, then checks what they changed, and so on.
fn serve(
    events: &Receiver<Event>,
    sender: &SyncSender<Event>,
    output: &mut impl Write,
) -> Result<CommandResult, Failure> {
    let mut server = Server::default();
    let mut watcher = None;
    while let Ok(first) = events.recv() {
        let waiting = std::iter::once(first).chain(events.try_iter());
        for event in waiting.take(MOST_BEFORE_CHECK) {
            let outgoing = match event {
                Event::Frame(frame) => server.take(frame),
                Event::Disk(changes) => server.disk_changed(&changes),
                Event::End => return Ok(ended(server.was_shut_down())),
            };
            write(output, &outgoing)?;
            if server.has_exited() {
                return Ok(ended(server.was_shut_down()));
            }
        }
        if let Some(folders) = server.folders_to_watch() {
            watcher = watch::watch(folders, sender);
            write(output, &server.watches(watcher.is_some()))?;
        }
        write(output, &server.check())?;
    }
    drop(watcher);
    Ok(ended(server.was_shut_down()))
}

/// The exit status that the protocol asks for: 1 where no `shutdown` came first.
fn ended(was_shut_down: bool) -> CommandResult {
    match was_shut_down {
        true => CommandResult::Clean,
        false => CommandResult::Problems,
    }
}

/// Writes messages. An editor that no longer reads is one that is gone: its input ends, too.
fn write(output: &mut impl Write, messages: &[Outgoing]) -> Result<(), Failure> {
    for message in messages {
        match frames::write(output, message) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure(format!("can't write to standard output: {error}")));
            }
            _ => {}
        }
    }
    Ok(())
}
