//! The lines of a multipart body that name a field of the method, found while the body passes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Looks at a body piece by piece. Of a line it remembers what it has held so far, and no more
/// of its bytes than what is looked for has.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartLines {
    tail: Vec<u8>,
    held: Held,
}

/// What a line has held so far, in any order.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    disposition: bool,
    name: bool,
    method: bool,
}

impl PartLines {
    /// Whether a line that ends in this piece, or has come so far, names such a field (RFC 7578
    /// section 4.2).
    pub(crate) fn name_the_method(&mut self, piece: &[u8]) -> bool {
        piece.split_inclusive(|byte| ends_line(*byte)).any(|line| {
            // Plain letters are the same in UTF-16 but for the zeros between them.
            self.tail.extend(line.iter().filter(|byte| **byte != 0));
            for word in WORDS.find_iter(&self.tail) {
                match word.pattern().as_usize() {
                    0 => self.held.disposition = true,
                    1 => self.held.name = true,
                    _ => self.held.method = true,
                }
            }
            let Held { disposition, name, method } = self.held;
            if line.last().copied().is_some_and(ends_line) {
                self.tail.clear();
                self.held = Held::default();
            } else {
                let known = self.tail.len().saturating_sub(LONGEST_WORD - 1);
                drop(self.tail.drain(..known));
            }
            disposition && name && method
        })
    }
}

const fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

const LONGEST_WORD: usize = DISPOSITION.len();
const DISPOSITION: &str = "content-disposition";

#[expect(clippy::expect_used, reason = "five short words always make an automaton")]
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([DISPOSITION, "name", "_method", "%5fmethod", "method-override"])
        .expect("an automaton")
});

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(body: &str, size: usize) -> bool {
        let mut lines = PartLines::default();
        body.as_bytes().chunks(size).any(|piece| lines.name_the_method(piece))
    }

    #[test]
    fn a_name_is_found_wherever_a_body_is_cut() {
        let far = format!("content-disposition: {} name=\"x_Method\"", "a".repeat(3000));
        for body in [
            "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--",
            "--b\nNAME=%5FmethoD; CONTENT-DISPOSITION\n",
            "c\0o\0n\0tent-disposition: name=method-override",
            &far,
        ] {
            for size in 1..=body.len() {
                assert!(shows(body, size), "{size}: {body}");
            }
        }
    }

    #[test]
    fn words_on_several_lines_are_no_name() {
        let body = "content-disposition: form-data;\r\n name=\"a\"\r\n\r\n_method\n\
                    content-disposition: form-data; name=\"payment-method\"\r\n";
        for size in 1..=body.len() {
            assert!(!shows(body, size), "{size}");
        }
    }

    #[test]
    fn little_of_a_line_is_remembered() {
        let mut lines = PartLines::default();
        for _ in 0..1000 {
            assert!(!lines.name_the_method(&[b'a'; 1000]));
        }
        assert!(lines.tail.len() < LONGEST_WORD);
    }
}
