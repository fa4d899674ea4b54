//! The words that the planner understands: lists in lower case, separated by spaces.

pub(super) const REFUND: &str = "refund reimburse";

/// A refund that is asked about is not a refund that is asked for.
pub(super) const ASKING: &str = "\
    are did do does had has have how if is should was were what when which who why";

/// Orders, when they open the sentence, that no tool carries out.
pub(super) const ORDER: &str = "\
    add bill cancel change charge close create delete edit email invoice make mark notify open pay \
    remind remove rename send set update void write";

/// What stands before an order without being one.
pub(super) const POLITE: &str = "\
    can could hello hey hi i i'd just kindly like now please to want will would you";

pub(super) const NEGATION: &str = "\
    cannot can't didn't doesn't don't dont hasn't haven't isn't never no not stop without won't \
    wouldn't";

pub(super) const OWING: &str = "arrears balance debt debts owe owed owes owing";

pub(super) const INVOICE: &str = "bill bills invoice invoices";

pub(super) const OVERDUE: &str = "behind delinquent late overdue";

pub(super) const OPEN: &str = "due open outstanding pending unpaid unsettled";

pub(super) const PAYING: &str = "\
    charge charged charges paid pay payment payments pays refund refunded refunds settled spend \
    spent";

pub(super) const DRAFT: &str = "draft drafts";
pub(super) const VOID: &str = "canceled cancelled void voided";
pub(super) const UNCOLLECTIBLE: &str = "uncollectible written-off";

pub(super) const CUSTOMER: &str = "account client clients contact customer customers details";

pub(super) const LISTING: &str = "breakdown find get list look lookup search show which";

pub(super) const LAST: &str = "last latest newest recent";

pub(super) const WHOLE: &str = "entire full fully whole";

pub(super) const CHARGE_IDS: &str = "ch_ py_";

/// Comparisons, rankings and counts: no tool answers them.
pub(super) const BEYOND: &str = "\
    above after average before below besides between biggest but compare during each every \
    everybody everyone except greater half highest larger largest less lowest minus more over \
    since smallest than top under unless until yesterday";

/// A point in time, when one of [`TIME_BEFORE`] stands before it.
pub(super) const TIME: &str = "\
    january february march april may june july august september october november december week \
    month quarter year monday tuesday wednesday thursday friday saturday sunday spring summer \
    autumn fall winter";

pub(super) const TIME_BEFORE: &str = "in last next on past previous this";

/// Every word that may stand in an order to refund, beside ids, names and the amount.
pub(super) const IN_REFUNDS: &str = "\
    a ahead amount back by can charge could customer entire for from full fully go hello hey hi i \
    i'd in just kindly last latest like made me most need newest now of on payment please recent \
    refund reimburse thank thanks the to want we whole will would you";

/// Every word that is no name in a question.
pub(super) const KNOWN: &str = "\
    a about account address again ahead all already also altogether am amount amounts an and any \
    anything are arrears as at balance be been behind bill billed billing bills breakdown by \
    called can canceled cancelled charge charged charges check client clients contact could \
    currently customer customers debt debts delinquent details did didn't do does doesn't draft \
    drafts due e-mail email ever find for from get give go had has hasn't have haven't hello her \
    hey hi him his how i i'd in indeed invoice invoices is isn't it its just kindly know last late \
    latest left let like list listed look lookup made make many me money most much must my name \
    named need needs newest not now number numbers of off on one ones open or our ours out \
    outstanding overdue owe owed owes owing paid past pay payment payments pays pending please \
    quick quickly recent refund refunded refunds right search see send sent settled should show so \
    some someone spend spent status still sum supposed tell thank thanks that the their them there \
    these they this those to today total totals uncollectible unpaid unsettled up us view void \
    voided want was we were what whats when which who whose will with would written-off yet you \
    your";
