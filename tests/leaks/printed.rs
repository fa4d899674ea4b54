//! What panics print: the texts that the agent's hook passes on.

use std::panic;
use std::sync::{Mutex, Once, PoisonError};

static PRINTED: Mutex<String> = Mutex::new(String::new());

/// Keeps the text of every panic from now on that goes on to the hook which prints.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.to_string();
            PRINTED.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            before(info);
        }));
    });
}

/// What was printed since the last time.
pub(crate) fn take() -> String {
    std::mem::take(&mut *PRINTED.lock().unwrap_or_else(PoisonError::into_inner))
}
