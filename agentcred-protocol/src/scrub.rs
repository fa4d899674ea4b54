//! Taking known secrets out of what is on its way to a reader, in one piece or as a stream.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroizing;

use crate::encodings::encodings;
use crate::unmask::{Unmasker, WINDOW};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Finds given secrets in every form of [`encodings`], whatever the letter case, and any
/// [`Self::WINDOW`] characters in a row of them.
///
/// A stream is searched for whole secrets in every form and for windows in plain. A text that is
/// there as a whole is searched for windows under every disguise as well.
///
/// # Security
/// A secret that was hashed, encrypted or compressed on the way is not found. Secrets of fewer than
/// [`Self::SHORTEST_SECRET`] bytes are not searched for: they would be found everywhere. The
/// search automaton holds the forms in memory that is not overwritten when it is dropped.
#[derive(Clone)]
pub struct Scrubber {
    unmasker: Unmasker,
    secrets: Arc<[Zeroizing<Vec<u8>>]>,
    /// Built when it is first needed: most texts are clean and never need it.
    forms: Arc<OnceLock<Forms>>,
}

/// The forms of whole secrets.
struct Forms {
    search: Search,
    /// In small letters and in order, to tell what may begin at the end of what has arrived.
    sorted: Vec<Zeroizing<Vec<u8>>>,
    longest: usize,
}

enum Search {
    /// There is no secret to look for.
    Nothing,
    Forms(AhoCorasick),
    /// The forms are too large to be searched for, so nothing may pass.
    Everything,
}

impl Scrubber {
    /// The shortest secret that is searched for, in bytes.
    pub const SHORTEST_SECRET: usize = 8;

    /// How many characters of a secret in a row are searched for.
    pub const WINDOW: usize = WINDOW;

    /// A scrubber for these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let secrets: Vec<_> =
            secrets.into_iter().filter(|secret| secret.len() >= Self::SHORTEST_SECRET).collect();
        Self {
            unmasker: Unmasker::new(&secrets),
            secrets: secrets.iter().map(|secret| Zeroizing::new(secret.to_vec())).collect(),
            forms: Arc::default(),
        }
    }

    fn forms(&self) -> &Forms {
        self.forms.get_or_init(|| Forms::of(&self.secrets))
    }

    /// Whether any secret stands in `bytes`.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        match &self.forms().search {
            Search::Nothing => false,
            Search::Forms(automaton) => automaton.is_match(bytes),
            Search::Everything => true,
        }
    }

    /// Whether any window of a secret stands in a whole text, under any disguise.
    pub fn shows(&self, text: &[u8]) -> bool {
        self.unmasker.shows(text)
    }

    /// A whole text without the secrets. Where one is disguised so that its place cannot be told,
    /// nothing of the text is left.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.shows(text.as_bytes()) {
            return Cow::Borrowed(text);
        }
        let mut stream = self.stream();
        let mut clean = stream.push(text.as_bytes());
        clean.extend(stream.finish());
        if self.shows(&clean) {
            return Cow::Borrowed(REDACTED);
        }
        Cow::Owned(String::from_utf8_lossy(&clean).into_owned())
    }

    /// A scrubber for one body that arrives in chunks.
    pub fn stream(&self) -> ScrubStream {
        ScrubStream { scrubber: self.clone(), held: Vec::new(), found: 0 }
    }
}

impl Forms {
    fn of(secrets: &[Zeroizing<Vec<u8>>]) -> Self {
        let mut forms: Vec<_> = secrets.iter().flat_map(|secret| encodings(secret)).collect();
        let windows = secrets.iter().flat_map(|secret| secret.windows(WINDOW));
        forms.extend(windows.map(|window| Zeroizing::new(window.to_vec())));
        let Some(longest) = forms.iter().map(|form| form.len()).max() else {
            return Self { search: Search::Nothing, sorted: Vec::new(), longest: 1 };
        };
        // A full DFA would be faster to search but costs more to build than a short answer.
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(forms.iter().map(|form| form.as_slice()))
            .map_or(Search::Everything, Search::Forms);
        for form in &mut forms {
            form.make_ascii_lowercase();
        }
        forms.sort_unstable_by(|one, other| one.as_slice().cmp(other));
        Self { search, sorted: forms, longest }
    }

    /// Where in `bytes` the first form begins that could be completed by what comes next, or
    /// the end.
    fn first_unfinished(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest - 1);
        let tail = bytes[from..].to_ascii_lowercase();
        let unfinished = (0..tail.len()).find(|start| self.has_longer(&tail[*start..]));
        unfinished.map_or(bytes.len(), |start| from + start)
    }

    /// Whether some form begins with `beginning` and goes on after it.
    fn has_longer(&self, beginning: &[u8]) -> bool {
        let first = self.sorted.partition_point(|form| form.as_slice() <= beginning);
        self.sorted.get(first).is_some_and(|form| form.starts_with(beginning))
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber(..)")
    }
}

/// One body on its way through. It holds back what may be the beginning of a secret, so that
/// one that is split between chunks is found, and nothing else: events pass as they arrive.
#[derive(Debug)]
pub struct ScrubStream {
    scrubber: Scrubber,
    held: Vec<u8>,
    found: u64,
}

impl ScrubStream {
    /// Takes the next chunk and gives what may go on.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        let decided = self.scrubber.forms().first_unfinished(&self.held);
        self.release(decided)
    }

    /// Ends the body and gives what was held back.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    /// How many secrets were taken out so far.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Lets go of all that starts in the first `decided` bytes: every form that starts there
    /// has arrived whole.
    fn release(&mut self, decided: usize) -> Vec<u8> {
        let automaton = match &self.scrubber.forms().search {
            Search::Nothing => return std::mem::take(&mut self.held),
            Search::Everything => {
                self.held.clear();
                return Vec::new();
            }
            Search::Forms(automaton) => automaton,
        };
        let mut clean = Vec::with_capacity(decided);
        let mut passed = 0;
        for found in automaton.find_iter(&self.held) {
            if found.start() >= decided {
                break;
            }
            clean.extend_from_slice(&self.held[passed..found.start()]);
            clean.extend_from_slice(REDACTED.as_bytes());
            passed = found.end();
            self.found += 1;
        }
        if passed < decided {
            clean.extend_from_slice(&self.held[passed..decided]);
            passed = decided;
        }
        self.held.drain(..passed);
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    const SECRET: &[u8] = b"sk_test_4eC39HqLyjWDarjtT1zdp7dc";

    fn scrub_in_chunks(body: &[u8], size: usize) -> Vec<u8> {
        let mut stream = Scrubber::new([SECRET]).stream();
        let mut clean: Vec<u8> = body.chunks(size).flat_map(|chunk| stream.push(chunk)).collect();
        clean.extend(stream.finish());
        clean
    }

    // Leak channel 9.
    #[test]
    fn a_secret_is_found_whatever_the_chunks() {
        let body = [b"before ", SECRET, b" between ", SECRET, b" after"].concat();
        for size in 1..body.len() {
            assert_eq!(scrub_in_chunks(&body, size), b"before [redacted] between [redacted] after");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_held_back() {
        let mut stream = Scrubber::new([SECRET]).stream();
        assert_eq!(stream.push(b"data: 1\n\n"), b"data: 1\n\n");
        assert_eq!(stream.push(b"data: SK_"), b"data: ");
        assert_eq!(stream.push(b"lo\n\n"), b"SK_lo\n\n");
        assert_eq!(stream.push(SECRET), b"[redacted]");
    }

    // Leak channel 9.
    #[test]
    fn a_part_of_a_secret_is_found_in_a_stream() {
        let clean = scrub_in_chunks(b"see 4eC39HqLyjWDar there", 5);
        assert_eq!(clean, b"see [redacted]ar there");
    }

    #[test]
    fn a_text_that_hides_a_secret_is_dropped_whole() {
        let twice = STANDARD.encode(STANDARD.encode(&SECRET[4..20]));
        let clean = Scrubber::new([SECRET]).text(&format!("see {twice} there")).into_owned();
        assert_eq!(clean, REDACTED);
    }

    #[test]
    fn basic_credentials_are_found() {
        let text = STANDARD.encode([SECRET, b":"].concat());
        let clean = Scrubber::new([SECRET]).text(&text).into_owned();
        assert!(clean.starts_with(REDACTED), "{clean}");
    }

    #[test]
    fn letter_case_hides_nothing() {
        let upper = String::from_utf8(SECRET.to_ascii_uppercase()).unwrap();
        assert_eq!(Scrubber::new([SECRET]).text(&upper), REDACTED);
    }

    #[test]
    fn without_secrets_everything_passes() {
        assert_eq!(Scrubber::new([b"".as_slice(), b"short"]).text("short"), "short");
    }

    proptest! {
        #[test]
        fn a_body_without_the_secret_passes_unchanged(body in proptest::collection::vec(any::<u8>(), 0..600), size in 1_usize..50) {
            prop_assert_eq!(scrub_in_chunks(&body, size), body);
        }
    }
}
