//! Bytes to lines, as a terminal would show them.
//!
//! A carriage return, a run of backspaces over the whole line and a cursor movement each end a line, because what
//! stood there was shown: progress bars redraw themselves that way, and each redraw carries a value.

use memchr::memchr2;

/// The longest line kept, in bytes; of a longer one the rest is passed over. A JSON line with 5,000 metrics fits.
pub(super) const LONGEST_LINE: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// Within `ESC [ …`.
    Control,
    /// Within `ESC ] …` (a title, a link), until BEL or `ESC \`.
    Title,
    TitleEscape,
}

/// Splits bytes into lines, whatever the pieces they arrive in.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    state: State,
    backspaces: usize,
}

const ESCAPE: u8 = 0x1b;
const BACKSPACE: u8 = 0x08;

impl Lines {
    pub(super) fn push(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            if self.state == State::Text && self.backspaces == 0 {
                let end = memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
                let (text, rest) = bytes.split_at(end);
                // The common case, a whole line without control characters, is handed on without a copy.
                match memchr2(ESCAPE, BACKSPACE, text) {
                    None if rest.is_empty() => {
                        self.keep(text);
                        return;
                    }
                    None if self.line.is_empty() => {
                        if !text.is_empty() {
                            on_line(&text[..text.len().min(LONGEST_LINE)]);
                        }
                        bytes = &rest[1..];
                        continue;
                    }
                    None => {
                        self.keep(text);
                        self.end(on_line);
                        bytes = &rest[1..];
                        continue;
                    }
                    Some(control) => {
                        self.keep(&text[..control]);
                        bytes = &bytes[control..];
                    }
                }
            }
            self.byte(bytes[0], on_line);
            bytes = &bytes[1..];
        }
    }

    /// Hands on what stands after the last line end.
    pub(super) fn finish(&mut self, on_line: &mut impl FnMut(&[u8])) {
        self.end(on_line);
        self.state = State::Text;
    }

    fn keep(&mut self, text: &[u8]) {
        let room = LONGEST_LINE - self.line.len();
        self.line.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn end(&mut self, on_line: &mut impl FnMut(&[u8])) {
        if !self.line.is_empty() {
            on_line(&self.line);
            self.line.clear();
        }
        self.backspaces = 0;
    }

    fn byte(&mut self, byte: u8, on_line: &mut impl FnMut(&[u8])) {
        if matches!(byte, b'\n' | b'\r') {
            // Also ends a broken escape sequence, so that one stray byte cannot swallow the log.
            self.state = State::Text;
            self.end(on_line);
            return;
        }
        match self.state {
            State::Text => match byte {
                ESCAPE => self.state = State::Escape,
                BACKSPACE => self.backspaces += 1,
                _ => {
                    self.erase(on_line);
                    self.keep(&[byte]);
                }
            },
            State::Escape => {
                self.state = match byte {
                    b'[' => State::Control,
                    b']' => State::Title,
                    _ => State::Text,
                }
            }
            State::Control => match byte {
                0x20..=0x3f => {}
                // Colours stand within a line. Cursor movements and erasures end it: what stood there was shown.
                b'm' => self.state = State::Text,
                b'C' => {
                    self.state = State::Text;
                    self.erase(on_line);
                    self.keep(b" ");
                }
                _ => {
                    self.state = State::Text;
                    if byte.is_ascii_alphabetic() {
                        self.end(on_line);
                    }
                }
            },
            State::Title => match byte {
                0x07 => self.state = State::Text,
                ESCAPE => self.state = State::TitleEscape,
                _ => {}
            },
            State::TitleEscape => self.state = if byte == b'\\' { State::Text } else { State::Title },
        }
    }

    /// Applies the backspaces seen, once it is known that something else follows them.
    fn erase(&mut self, on_line: &mut impl FnMut(&[u8])) {
        if self.backspaces == 0 {
            return;
        }
        let shown = self.line.iter().filter(|byte| !is_continuation(**byte)).count();
        if self.backspaces >= shown {
            self.end(on_line);
        } else {
            for _ in 0..self.backspaces {
                while self.line.pop().is_some_and(is_continuation) {}
            }
            self.backspaces = 0;
        }
    }
}

/// Whether a byte continues a UTF-8 character begun before it.
fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let mut on_line = |line: &[u8]| seen.push(String::from_utf8_lossy(line).into_owned());
        for piece in pieces {
            lines.push(piece, &mut on_line);
        }
        lines.finish(&mut on_line);
        seen
    }

    fn check(input: &str, expect: &[&str]) {
        assert_eq!(lines(&[input.as_bytes()]), expect, "{input:?}");
    }

    #[test]
    fn a_redrawn_line_is_a_line_each_time() {
        check("a\nb\r\nc", &["a", "b", "c"]);
        check("10%\r20%\r30%\n", &["10%", "20%", "30%"]);
        check("1/2\x08\x08\x08\r2/2\n", &["1/2", "2/2"]);
        check("1/2\x08\x08\x082/2\n", &["1/2", "2/2"]);
        check("loss 0.3\x084\n", &["loss 0.4"]);
        check("━━\x08\x08x", &["━━", "x"]);
    }

    #[test]
    fn colours_go_and_movements_end_a_line() {
        check("\x1b[1m 1/32\x1b[0m \x1b[37m━\x1b[0m loss\n", &[" 1/32 ━ loss"]);
        check("one\x1b[2Ktwo\x1b[1Athree", &["one", "two", "three"]);
        check("\x1b]0;title\x07text\n\x1b[31", &["text"]);
        check("\x1b[12\nstill here\n", &["still here"]);
    }

    #[test]
    fn a_ten_megabyte_line_is_cut_and_the_next_one_whole() {
        let mut text = vec![b'x'; 10 << 20];
        text.extend_from_slice(b"\nloss=1\n");
        let seen = lines(&[&text[..5 << 20], &text[5 << 20..]]);
        assert_eq!((seen[0].len(), seen[1].as_str()), (LONGEST_LINE, "loss=1"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_split_gives_the_same_lines(
            text in proptest::collection::vec(prop_oneof![
                4 => Just(b'a'), 2 => Just(b'\n'), 2 => Just(b'\r'), 2 => Just(8), 2 => Just(0x1b), 1 => Just(b'['),
                1 => Just(b']'), 1 => Just(b'm'), 1 => Just(b'K'), 1 => Just(7), 1 => any::<u8>()
            ], 0..200),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(lines(&pieces), lines(&[&text]));
        }
    }
}
