//! Parts through a channel: never more than two in memory.

use std::io::{self, Write as _};
use std::sync::mpsc::sync_channel;
use std::thread;

use gumnut_splitter::{ChannelSink, FinishedPart};

use crate::splitter;

#[test]
fn the_receiver_gets_every_part_whole() {
    let (sender, receiver) = sync_channel(0);
    let data: Vec<u8> = (0..=255).collect();
    let parts: Vec<FinishedPart> = thread::scope(|scope| {
        let data = &data;
        scope.spawn(move || {
            let mut splitter = splitter(ChannelSink::new(sender), 100);
            splitter.write_all(data).unwrap();
            splitter.finish().unwrap();
        });
        receiver.iter().collect()
    });
    let names: Vec<_> = parts.iter().map(|part| part.record.name.as_str()).collect();
    assert_eq!(names, ["image.part.00", "image.part.01", "image.part.02"]);
    let joined: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
    assert_eq!(joined, data);
}

#[test]
fn a_receiver_that_gives_up_fails_the_writer() {
    let (sender, receiver) = sync_channel(0);
    drop(receiver);
    let mut splitter = splitter(ChannelSink::new(sender), 10);
    let error = splitter.write_all(b"more than ten bytes").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
