//! A question as words: trimmed, lowered, with their place in the text kept.

/// The words of one question.
pub(super) struct Words<'q> {
    source: &'q str,
    words: Vec<Word>,
}

/// One word, without the punctuation around it and without a possessive `'s`.
pub(super) struct Word {
    start: usize,
    end: usize,
    pub(super) lower: String,
}

impl<'q> Words<'q> {
    pub(super) fn of(source: &'q str) -> Self {
        let mut words = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find(|c: char| !c.is_whitespace()) {
            let start = source.len() - rest.len() + at;
            let token = source[start..].split(char::is_whitespace).next();
            let token = token.unwrap_or_default();
            rest = &source[start + token.len()..];
            words.extend(Word::of(source, start, token));
        }
        Self { source, words }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Word> {
        self.words.iter()
    }

    pub(super) fn has(&self, any: &str) -> bool {
        self.words.iter().any(|word| word.is(any))
    }

    /// Whether `first` is directly followed by `second` somewhere.
    pub(super) fn has_pair(&self, first: &str, second: &str) -> bool {
        self.words.windows(2).any(|pair| pair[0].is(first) && pair[1].is(second))
    }

    /// The word as it was written.
    pub(super) fn text(&self, word: &Word) -> &'q str {
        &self.source[word.start..word.end]
    }

    /// The stretches of words that are not in `known`; an `and` between two joins them.
    pub(super) fn unknown(&self, known: &[&str]) -> Vec<Run<'q>> {
        let is_known = |word: &Word| known.iter().any(|list| word.is(list));
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for at in (0..self.words.len()).filter(|&at| !is_known(&self.words[at])) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == at => *last = at,
                Some((_, last)) if *last + 2 == at && self.words[at - 1].is("and") => *last = at,
                _ => runs.push((at, at)),
            }
        }
        runs.into_iter().map(|(first, last)| self.run(first, last)).collect()
    }

    fn run(&self, first: usize, last: usize) -> Run<'q> {
        let capital = |word: &Word| {
            let letter = self.text(word).chars().find(|c| c.is_alphabetic());
            letter.is_none_or(char::is_uppercase) || word.is("and")
        };
        let text = &self.source[self.words[first].start..self.words[last].end];
        let opens_sentence = first == 0 && last == 0;
        let capitalised = !opens_sentence && self.words[first..=last].iter().all(capital);
        Run { text, capitalised }
    }
}

/// Neighbouring words that no list knows: a name, most likely.
#[derive(Clone, Copy)]
pub(super) struct Run<'q> {
    pub(super) text: &'q str,
    /// Every word begins with a capital, and not only because a sentence begins.
    pub(super) capitalised: bool,
}

impl Word {
    fn of(source: &str, start: usize, token: &str) -> Option<Self> {
        let left = token.trim_start_matches(OPENING);
        let start = start + (token.len() - left.len());
        let mut text = left.trim_end_matches(CLOSING);
        for possessive in ["'s", "’s", "'S", "’S"] {
            text = text.strip_suffix(possessive).unwrap_or(text);
        }
        let end = start + text.len();
        let lower = source[start..end].to_lowercase().replace('’', "'");
        (!lower.is_empty()).then_some(Self { start, end, lower })
    }

    pub(super) fn is(&self, any: &str) -> bool {
        any.split(' ').any(|word| word == self.lower)
    }
}

const OPENING: &[char] = &['"', '\'', '“', '‘', '«', '(', '[', '{', '<', '¿', '¡', '`', '*'];
const CLOSING: &[char] =
    &['"', '\'', '”', '’', '»', ')', ']', '}', '>', '.', ',', ';', ':', '!', '?', '`', '*'];
