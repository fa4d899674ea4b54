//! The wordings that the planner must understand, and those that it must not act on.

use super::super::money::Amount;
use super::question::{Kind, Question, Refunded, Who};

#[test]
fn one_question_is_understood_in_many_wordings() {
    let brightwater = || named("Ada Brightwater");
    let usd = |text: &str| Amount::read(text).and_then(|amount| amount.in_currency("usd"));
    for (text, question) in [
        ("How much does ada@example.com owe, and on which invoices?", owed_on(ada())),
        ("how much does ADA@Example.com owe", owed(ada())),
        ("How much does Ada Brightwater owe us?", owed(brightwater())),
        ("how much does ada brightwater owe?", owed(named("ada brightwater"))),
        ("What is Ada Brightwater's balance?", owed(brightwater())),
        ("What’s Ada Brightwater’s balance right now?", owed(brightwater())),
        ("What does Ada Brightwater still have to pay?", owed(brightwater())),
        ("what's outstanding for ada@example.com", owed_on(ada())),
        ("Does Kestrel & Pine Ltd owe us anything?", owed(named("Kestrel & Pine Ltd"))),
        ("Hey, could you tell me how much Orla O'Dannell owes?", owed(named("Orla O'Dannell"))),
        ("How much does Larch and Lantern Books owe?", owed(named("Larch and Lantern Books"))),
        ("how much is owed by cus_Qx1 in total", owed(Who::Id("cus_Qx1".to_owned()))),
        ("Which invoices are open for Ada Brightwater?", invoices(brightwater(), Kind::Open)),
        ("list unpaid invoices of ada@example.com", invoices(ada(), Kind::Open)),
        ("Which invoices has Ada Brightwater not paid?", invoices(brightwater(), Kind::Open)),
        ("ada@example.com: overdue invoices please", invoices(ada(), Kind::Overdue)),
        ("Is Ada Brightwater late?", invoices(brightwater(), Kind::Overdue)),
        ("Which bills of Ada Brightwater are past due?", invoices(brightwater(), Kind::Overdue)),
        ("show me all invoices for ada@example.com", invoices(ada(), Kind::Any)),
        ("paid invoices of ada@example.com", invoices(ada(), Kind::Paid)),
        ("Which invoices did Ada Brightwater pay?", invoices(brightwater(), Kind::Paid)),
        ("voided invoices of ada@example.com", invoices(ada(), Kind::Void)),
        ("any drafts among the invoices for ada@example.com?", invoices(ada(), Kind::Draft)),
        ("What did Ada Brightwater pay?", payments(brightwater())),
        ("how much has ada@example.com paid so far", payments(ada())),
        ("list the charges of ada@example.com", payments(ada())),
        ("How much was refunded to ada@example.com?", payments(ada())),
        ("Who is ada@example.com?", customer(ada())),
        ("who is Zoë Márvelin", customer(named("Zoë Márvelin"))),
        ("find the customer named Mirrim", customer(named("Mirrim"))),
        ("ada@example.com", customer(ada())),
        ("Open invoices of Ada Brightwater", invoices(brightwater(), Kind::Open)),
        ("Ada Brightwater", customer(brightwater())),
        ("List the customers", Question::Customers),
        ("Which customers are there?", Question::Customers),
        ("What is ch_3Abc?", Question::Charge { id: "ch_3Abc".to_owned() }),
        ("Was charge ch_3Abc refunded?", Question::Charge { id: "ch_3Abc".to_owned() }),
        ("Refund charge ch_3Abc", refund(charge("ch_3Abc"), None)),
        ("please refund ch_3Abc in full.", refund(charge("ch_3Abc"), None)),
        ("refund 12.50 usd of charge ch_3Abc", {
            Question::Refund { of: charge("ch_3Abc"), amount: usd("12.50") }
        }),
        ("Refund $12.50 from ch_3Abc", refund(charge("ch_3Abc"), Some("$12.50"))),
        ("Could you refund USD 1,250.00 of ch_3Abc?", {
            Question::Refund { of: charge("ch_3Abc"), amount: usd("1,250.00") }
        }),
        ("refund the last charge of ada@example.com", refund(Refunded::LastOf(ada()), None)),
        (
            "Refund Ada Brightwater's most recent payment",
            refund(Refunded::LastOf(brightwater()), None),
        ),
    ] {
        assert_eq!(Question::read(text), Ok(question), "{text}");
    }
}

#[test]
fn what_is_not_understood_is_not_guessed() {
    for text in [
        "",
        "?!",
        "What's the weather in Berlin?",
        "Tell me a joke",
        "How much does the moon weigh?",
        "How much is owed?",
        "Who owes us the most?",
        "How many customers are there?",
        "Which invoices of ada@example.com are over 100 usd?",
        "What did ada@example.com pay last month?",
        "What did Ada Brightwater pay in March?",
        "What did ada@example.com pay in 2019?",
        "open and paid invoices of ada@example.com",
        "Ada Brightwater owes Bob Tannerby how much?",
        "delete customer",
        "charge ada@example.com 5 usd",
        "please void the open invoice of ada@example.com",
        "can you send ada@example.com an invoice?",
    ] {
        assert!(Question::read(text).is_err(), "{text}: {:?}", Question::read(text));
    }
}

#[test]
fn no_money_moves_on_a_doubtful_order() {
    for text in [
        "don't refund ch_3Abc",
        "do not refund charge ch_3Abc",
        "never refund ch_3Abc",
        "refund",
        "refund a charge",
        "refund ada@example.com",
        "refund the charges of ada@example.com",
        "refund ch_3Abc and ch_4Def",
        "refund half of ch_3Abc",
        "refund 50% of ch_3Abc",
        "refund 5 usd or 6 usd of ch_3Abc",
        "refund 5 usd eur of ch_3Abc",
        "refund -5 usd of ch_3Abc",
        "refund 12.505 usd of ch_3Abc",
        "refund all but 5 usd of ch_3Abc",
        "refund 5 usd of ch_3Abc in full",
        "refund the second last charge of ada@example.com",
        "refund the oldest charge of ada@example.com",
        "refund the last two charges of ada@example.com",
        "refund ch_3Abc of ada@example.com",
        "refund the last charge of ada@example.com or bob@example.com",
        "Should I refund the last charge of ada@example.com?",
        "How do I refund a charge?",
        "refund ch_3Abc if it is a duplicate",
        "refund ch_3Abc unless it was refunded",
    ] {
        let read = Question::read(text);
        assert!(!matches!(read, Ok(Question::Refund { .. })), "{text}: {read:?}");
    }
}

fn ada() -> Who {
    Who::Email("ada@example.com".to_owned())
}

fn named(name: &str) -> Who {
    Who::Name(name.to_owned())
}

fn owed(who: Who) -> Question {
    Question::Owed { who: vec![who], listed: false }
}

fn owed_on(who: Who) -> Question {
    Question::Owed { who: vec![who], listed: true }
}

fn invoices(who: Who, kind: Kind) -> Question {
    Question::Invoices { who: vec![who], kind }
}

fn payments(who: Who) -> Question {
    Question::Payments { who: vec![who] }
}

fn customer(who: Who) -> Question {
    Question::Customer { who: vec![who] }
}

fn refund(of: Refunded, amount: Option<&str>) -> Question {
    Question::Refund { of, amount: amount.and_then(Amount::read) }
}

fn charge(id: &str) -> Refunded {
    Refunded::Charge(id.to_owned())
}
