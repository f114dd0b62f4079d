//! Looking for a text in a stream that comes in pieces.

/// Longest stretch without a line end that is kept, in bytes.
const MAX_LINE: usize = 4096;

/// A text that is looked for, and the line that is being read.
pub(crate) struct Expected {
    text: Vec<u8>,
    line: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Looking,
    /// The text is there; the rest of its line is not.
    Found,
    Complete,
}

impl Expected {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.as_bytes().to_owned(),
            line: Vec::new(),
            state: State::Looking,
        }
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        for byte in piece {
            if self.state == State::Complete {
                return;
            }
            self.take(*byte);
        }
    }

    fn take(&mut self, byte: u8) {
        match (byte, self.state) {
            (b'\n', State::Found) => self.state = State::Complete,
            (b'\n', _) => self.line.clear(),
            _ => {
                if self.line.len() == MAX_LINE.max(2 * self.text.len()) {
                    // The end may be the beginning of the text.
                    self.line.drain(..self.line.len() - self.text.len());
                }
                self.line.push(byte);
                if self.line.ends_with(&self.text) {
                    self.state = State::Found;
                }
            }
        }
    }

    /// Whether the text has been seen, in a line that may be incomplete.
    pub(crate) fn found(&self) -> bool {
        self.state != State::Looking
    }

    /// Whether the text has been seen, and its line has ended.
    pub(crate) fn complete(&self) -> bool {
        self.state == State::Complete
    }

    /// The line with the text, without control characters.
    pub(crate) fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.line);
        text.chars().filter(|c| !c.is_control()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(text: &str, pieces: &[&str]) -> Expected {
        let mut expected = Expected::new(text);
        for piece in pieces {
            expected.feed(piece.as_bytes());
        }
        expected
    }

    #[test]
    fn a_text_is_found_however_the_stream_is_cut() {
        let expected = fed("BOOT-OK", &["noise\r\nxBO", "OT", "-OK 6.1\r", "\nmore\n"]);
        assert!(expected.complete());
        assert_eq!(expected.line(), "xBOOT-OK 6.1");
    }

    #[test]
    fn a_prompt_has_no_end_of_line() {
        let expected = fed("login: ", &["host login", ": "]);
        assert!(expected.found() && !expected.complete());
        assert_eq!(expected.line(), "host login: ");
    }

    #[test]
    fn a_text_does_not_reach_over_lines() {
        assert!(!fed("BOOT-OK", &["BOOT\n-OK\n", "BOOT-NO\n"]).found());
    }

    #[test]
    fn an_endless_line_takes_no_memory_and_hides_nothing() {
        let mut expected = Expected::new("BOOT-OK");
        for _ in 0..1000 {
            expected.feed(&[b'x'; 1001]);
            assert!(expected.line.len() <= MAX_LINE);
        }
        expected.feed(b"BOOT-OK");
        assert!(expected.found());
    }
}
