//! Reading a question: what is asked, and about which customer or charge.

use super::super::money::{Amount, currency_named};
use super::vocabulary as say;
use super::words::{Run, Words};

/// What the planner can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// How much do they owe, and, when `listed`, on which invoices?
    Owed { who: Vec<Who>, listed: bool },
    /// Which invoices of this kind do they have?
    Invoices { who: Vec<Who>, kind: Kind },
    /// What did they pay?
    Payments { who: Vec<Who> },
    /// Who is this?
    Customer { who: Vec<Who> },
    /// Which customers are there?
    Customers,
    /// What became of this charge?
    Charge { id: String },
    /// Give this money back.
    Refund { of: Refunded, amount: Option<Amount> },
}

/// How a question names a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// In lower case.
    Email(String),
    Id(String),
    Name(String),
}

/// Which invoices are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Draft,
    Open,
    /// Open and past its due date.
    Overdue,
    Paid,
    Uncollectible,
    Void,
}

/// Which charge is to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refunded {
    Charge(String),
    LastOf(Who),
}

/// Why a question cannot be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclear(pub(super) &'static str);

impl Question {
    pub(super) fn read(text: &str) -> Result<Self, Unclear> {
        let words = Words::of(text);
        if words.has(say::BEYOND) || words.has_pair(say::TIME_BEFORE, say::TIME) || has_year(&words)
        {
            return Err(Unclear("it asks me to rank, count or filter by date or amount"));
        }
        if words.has(say::REFUND) && !words.has(say::ASKING) {
            return refund(&words);
        }
        if let Some(id) = one(starting_with(&words, say::CHARGE_IDS), "it names two charges")? {
            return Ok(Self::Charge { id });
        }
        if orders(&words) {
            return Err(Unclear("I look things up and refund charges, and change nothing else"));
        }
        let negated = words.has(say::NEGATION);
        if negated && !words.has(say::PAYING) {
            return Err(Unclear("it says what is not wanted, and I only read what is"));
        }
        let listed = words.has(say::INVOICE) || words.has(say::LISTING);
        if words.has(say::OVERDUE) || words.has_pair("past", "due") {
            Ok(Self::Invoices { who: customers(&words)?, kind: Kind::Overdue })
        } else if words.has(say::OWING) || (must_pay(&words) && !words.has(say::INVOICE)) {
            Ok(Self::Owed { who: customers(&words)?, listed })
        } else if words.has(say::INVOICE) || (negated && words.has(say::PAYING)) {
            let kind = if negated || must_pay(&words) { Kind::Open } else { kind(&words)? };
            Ok(Self::Invoices { who: customers(&words)?, kind })
        } else if words.has(say::OPEN) {
            Ok(Self::Owed { who: customers(&words)?, listed: true })
        } else if words.has(say::PAYING) {
            Ok(Self::Payments { who: customers(&words)? })
        } else {
            about_customers(&words)
        }
    }
}

/// Money moves, so every word must be understood, or nothing is done.
fn refund(words: &Words<'_>) -> Result<Question, Unclear> {
    if words.has(say::NEGATION) {
        return Err(Unclear("it says what is not wanted, and I only do what is"));
    }
    let amounts = amounts(words)?;
    let amount_words: Vec<&str> = amounts.iter().flat_map(|(_, read)| read.clone()).collect();
    let amount = one(amounts.into_iter().map(|(amount, _)| amount), "it names two amounts")?;
    if amount.is_some() && words.has(say::WHOLE) {
        return Err(Unclear("it asks for the whole charge and for a part of it"));
    }
    let charge = one(starting_with(words, say::CHARGE_IDS), "I refund one charge at a time")?;
    let who = identified(words);
    let identified: Vec<&str> = words
        .iter()
        .filter(|word| is_identifier(&word.lower))
        .map(|word| word.lower.as_str())
        .collect();
    let names = words.unknown(&[say::IN_REFUNDS, &amount_words.join(" "), &identified.join(" ")]);
    let of = match (charge, who.as_slice(), names.as_slice()) {
        (Some(id), [], []) => Refunded::Charge(id),
        (None, [who], []) if last_charge(words) => Refunded::LastOf(who.clone()),
        (None, [], [name]) if last_charge(words) => Refunded::LastOf(Who::Name(name.text.into())),
        _ => return Err(Unclear("I must be sure which one charge to refund, and I am not")),
    };
    Ok(Question::Refund { of, amount })
}

fn about_customers(words: &Words<'_>) -> Result<Question, Unclear> {
    let asked = words.has(say::CUSTOMER) || words.has(say::LISTING);
    match customers(words) {
        Ok(who) if asked || words.has("who") || only_names(words) => Ok(Question::Customer { who }),
        Err(_) if words.has("customers clients") && !words.has("many most") => {
            Ok(Question::Customers)
        }
        _ => Err(Unclear("I find no question about billing in it")),
    }
}

/// The customers that the question names, at least one.
fn customers(words: &Words<'_>) -> Result<Vec<Who>, Unclear> {
    let identified = identified(words);
    if !identified.is_empty() {
        return Ok(identified);
    }
    let runs = words.unknown(&[say::KNOWN]);
    let capitalised: Vec<Run<'_>> = runs.iter().filter(|run| run.capitalised).copied().collect();
    match (runs.as_slice(), capitalised.as_slice()) {
        ([run], _) | (_, [run]) => Ok(vec![Who::Name(run.text.to_owned())]),
        ([], _) => Err(Unclear("it names no customer")),
        _ => Err(Unclear("I cannot tell which words are the customer's name")),
    }
}

fn identified(words: &Words<'_>) -> Vec<Who> {
    let mut found = Vec::new();
    for word in words.iter() {
        let who = if is_email(&word.lower) {
            Who::Email(word.lower.clone())
        } else if word.lower.starts_with("cus_") {
            Who::Id(words.text(word).to_owned())
        } else {
            continue;
        };
        if !found.contains(&who) {
            found.push(who);
        }
    }
    found
}

fn kind(words: &Words<'_>) -> Result<Kind, Unclear> {
    let kinds = [
        (say::DRAFT, Kind::Draft),
        (say::OPEN, Kind::Open),
        (say::PAYING, Kind::Paid),
        (say::UNCOLLECTIBLE, Kind::Uncollectible),
        (say::VOID, Kind::Void),
    ];
    let asked = kinds.into_iter().filter(|(list, _)| words.has(list)).map(|(_, kind)| kind);
    Ok(one(asked, "it asks for invoices of two kinds at once")?.unwrap_or(Kind::Any))
}

/// The amounts of money in the text, each with the words that say it.
fn amounts<'w>(words: &'w Words<'_>) -> Result<Vec<(Amount, Vec<&'w str>)>, Unclear> {
    let words: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
    let mut amounts = Vec::new();
    for (at, &word) in words.iter().enumerate() {
        let Some(mut amount) = Amount::read(word) else { continue };
        let mut read = vec![word];
        let before = at.checked_sub(1).map(|before| words[before]);
        for neighbour in before.into_iter().chain(words.get(at + 1).copied()) {
            if let Some(currency) = currency_named(neighbour) {
                read.push(neighbour);
                let clash = Unclear("it names two currencies for one amount");
                amount = amount.in_currency(currency).ok_or(clash)?;
            }
        }
        amounts.push((amount, read));
    }
    Ok(amounts)
}

fn starting_with(words: &Words<'_>, prefixes: &str) -> impl Iterator<Item = String> {
    let ids = words
        .iter()
        .filter(|word| prefixes.split(' ').any(|prefix| word.lower.starts_with(prefix)));
    ids.map(|word| words.text(word).to_owned())
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
}

fn is_identifier(word: &str) -> bool {
    is_email(word) || ["ch_", "py_", "cus_"].iter().any(|prefix| word.starts_with(prefix))
}

/// `in 2025`.
fn has_year(words: &Words<'_>) -> bool {
    let year = |word: &str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut pairs = words.iter().zip(words.iter().skip(1));
    pairs.any(|(before, word)| before.is(say::TIME_BEFORE) && year(&word.lower))
}

fn must_pay(words: &Words<'_>) -> bool {
    words.has("pay")
        && (words.has("still must need needs should left supposed")
            || words.has_pair("have has", "to"))
}

fn last_charge(words: &Words<'_>) -> bool {
    words.has(say::LAST) && words.has("charge payment")
}

/// `void the invoice of ..`, but not `open invoices of ..`.
fn orders(words: &Words<'_>) -> bool {
    let mut words = words.iter().skip_while(|word| word.is(say::POLITE));
    let first = words.next().is_some_and(|word| word.is(say::ORDER));
    first && !words.next().is_some_and(|word| word.is("bills charges invoices"))
}

/// Nothing but names: `ada@example.com`, `Ada Brightwater`.
fn only_names(words: &Words<'_>) -> bool {
    let known = words.iter().filter(|word| word.is(say::KNOWN)).count();
    let unknown = words.iter().count() - known;
    known == 0 && unknown <= 4
}

/// The one item, none, or `many` as the reason when there are more.
fn one<T>(items: impl Iterator<Item = T>, many: &'static str) -> Result<Option<T>, Unclear> {
    let mut items = items;
    let first = items.next();
    if items.next().is_some() { Err(Unclear(many)) } else { Ok(first) }
}
