//! Amounts of money: whole numbers of a currency's smallest unit, written out and read.

/// `amount` in `currency` for people: `$1,234.50`, `¥48,000`, `1,234.500 KWD`.
pub(crate) fn written(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let digits = format!("{:0width$}", amount.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut text = String::new();
    if amount < 0 {
        text.push('-');
    }
    let symbol = symbol(currency);
    text.push_str(symbol.unwrap_or_default());
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if decimals > 0 {
        text.push('.');
        text.push_str(fraction);
    }
    if symbol.is_none() {
        text.push(' ');
        text.push_str(&currency.to_uppercase());
    }
    text
}

/// An amount as somebody wrote it, before it is known which currency it must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    whole: i64,
    /// The digits after the decimal point, none, one or more.
    fraction: String,
    /// In lower case, when it was written.
    pub(crate) currency: Option<String>,
}

impl Amount {
    /// Reads `12.50`, `$1,250`, `12,50€`; whatever could mean two amounts is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let symbols = [('$', "usd"), ('€', "eur"), ('£', "gbp"), ('¥', "jpy")];
        let mut currency = None;
        let mut digits = text;
        for (symbol, code) in symbols {
            let inner = digits.strip_prefix(symbol).or(digits.strip_suffix(symbol));
            if let Some(inner) = inner {
                digits = inner;
                currency = Some(code.to_owned());
                break;
            }
        }
        let (whole, fraction) = split_decimals(digits)?;
        let whole = whole.parse().ok()?;
        let fraction = fraction.to_owned();
        Some(Self { whole, fraction, currency })
    }

    /// The same amount, said to be in `currency`; nothing when it was another already.
    pub(crate) fn in_currency(self, currency: &str) -> Option<Self> {
        match &self.currency {
            Some(written) if written != currency => None,
            _ => Some(Self { currency: Some(currency.to_owned()), ..self }),
        }
    }

    /// In the smallest unit of `currency`; nothing when it has fewer decimals than written.
    pub(crate) fn in_smallest_unit(&self, currency: &str) -> Option<i64> {
        let decimals = decimals(currency);
        if self.fraction.len() > decimals {
            return None;
        }
        let scale = 10_i64.pow(u32::try_from(decimals).ok()?);
        let fraction: i64 = format!("{:0<decimals$}", self.fraction).parse().unwrap_or(0);
        self.whole.checked_mul(scale)?.checked_add(fraction)
    }
}

/// The currency that a word names: a code, or the plain word for a common one.
pub(crate) fn currency_named(word: &str) -> Option<&'static str> {
    Some(match word {
        "usd" | "dollar" | "dollars" => "usd",
        "eur" | "euro" | "euros" => "eur",
        "gbp" | "pound" | "pounds" | "sterling" => "gbp",
        "jpy" | "yen" => "jpy",
        "cad" => "cad",
        "aud" => "aud",
        "chf" | "franc" | "francs" => "chf",
        "sek" => "sek",
        "nok" => "nok",
        "dkk" => "dkk",
        "kwd" => "kwd",
        _ => return None,
    })
}

/// The digits before and after the decimal mark, thousands marks taken out.
fn split_decimals(text: &str) -> Option<(String, &str)> {
    let (whole, fraction) = match text.rfind(['.', ',']) {
        None => (text, ""),
        Some(at) => {
            let (whole, tail) = (&text[..at], &text[at + 1..]);
            let thousands = text[at..].starts_with(',') && tail.len() == 3;
            if thousands && !whole.contains('.') {
                (text, "")
            } else if tail.is_empty() || tail.len() > 2 {
                return None;
            } else {
                (whole, tail)
            }
        }
    };
    let mut groups = whole.split([',', '.']);
    let first = groups.next().filter(|digits| is_digits(digits))?;
    let mut joined = first.to_owned();
    for group in groups {
        if first.len() > 3 || group.len() != 3 || !is_digits(group) {
            return None;
        }
        joined.push_str(group);
    }
    let whole_fraction = fraction.is_empty() || is_digits(fraction);
    whole_fraction.then_some((joined, fraction))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn symbol(currency: &str) -> Option<&'static str> {
    match currency {
        "usd" => Some("$"),
        "eur" => Some("€"),
        "gbp" => Some("£"),
        "jpy" => Some("¥"),
        _ => None,
    }
}

/// How many decimals a currency has; Stripe's list of the exceptions.
fn decimals(currency: &str) -> usize {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "ugx"
        | "vnd" | "vuv" | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_by_the_rules_of_its_currency() {
        for (amount, currency, text) in [
            (157_350, "usd", "$1,573.50"),
            (5, "eur", "€0.05"),
            (0, "gbp", "£0.00"),
            (48_000, "jpy", "¥48,000"),
            (-120_000, "usd", "-$1,200.00"),
            (1_234_500, "kwd", "1,234.500 KWD"),
            (100_000_000, "cad", "1,000,000.00 CAD"),
        ] {
            assert_eq!(written(amount, currency), text);
        }
    }

    #[test]
    fn an_amount_is_read_however_it_is_punctuated() {
        for (text, cents) in [
            ("12.50", 1250),
            ("12,50", 1250),
            ("12", 1200),
            ("12.5", 1250),
            ("$12.50", 1250),
            ("12,50€", 1250),
            ("1,250", 125_000),
            ("1,250.00", 125_000),
            ("1.250,00", 125_000),
            ("1,000,000.01", 100_000_001),
        ] {
            let amount = Amount::read(text).unwrap();
            assert_eq!(amount.in_smallest_unit("usd"), Some(cents), "{text}");
        }
    }

    #[test]
    fn what_could_mean_two_amounts_is_not_read() {
        for text in
            ["", "$", "12.505", "1.250", "1,25,00", "12..5", "-5", "1e3", "50%", "12345,678"]
        {
            assert_eq!(Amount::read(text), None, "{text}");
        }
        assert_eq!(Amount::read("99999999999999999999"), None);
    }

    #[test]
    fn decimals_that_the_currency_has_not_are_refused() {
        let amount = Amount::read("12.50").unwrap();
        assert_eq!(amount.in_smallest_unit("jpy"), None);
        assert_eq!(amount.in_smallest_unit("kwd"), Some(12_500));
        let huge = Amount::read("99999999999999999").unwrap();
        assert_eq!(huge.in_smallest_unit("kwd"), None);
    }

    #[test]
    fn two_currencies_for_one_amount_are_refused() {
        let amount = Amount::read("$12").unwrap();
        assert_eq!(amount.clone().in_currency("eur"), None);
        assert!(amount.in_currency("usd").is_some());
    }
}
