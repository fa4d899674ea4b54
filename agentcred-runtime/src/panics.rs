//! Panics in tools: their text stays in here until the call's nonces are taken out of it.
//!
//! The standard library prints a panic before anybody can catch it, so a hook is needed to keep
//! the text off stderr. It asks a mark on the thread whether a tool is running there.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::Pin;
use std::sync::Once;
use std::task::Poll;

/// What a tool panicked with. It has no `Debug`: the text may hold anything.
pub(crate) struct ToolPanic {
    /// File, line and column.
    pub(crate) place: String,
    /// The panic's own text.
    pub(crate) text: String,
}

/// Puts the hook before the one that is there, once in a process.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IN_TOOL.get() {
                LAST.set(Some(ToolPanic::new(info)));
            } else {
                #[cfg(feature = "testing")]
                watch::note(info);
                before(info);
            }
        }));
    });
}

thread_local! {
    static IN_TOOL: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<ToolPanic>> = const { RefCell::new(None) };
}

/// Runs a tool's code on this thread and gives its panic as a value.
pub(crate) fn contain<R>(run: impl FnOnce() -> R) -> Result<R, ToolPanic> {
    let outer = IN_TOOL.replace(true);
    // What the tool shared with others is behind locks that know of poisoning, or is its own.
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IN_TOOL.set(outer);
    result.map_err(ToolPanic::from_payload)
}

/// Runs a tool's future: each poll of it is contained, and so is its end, early or not.
pub(crate) async fn contained<F: Future>(running: F) -> Result<F::Output, ToolPanic> {
    let mut running = Contained(Some(Box::pin(running)));
    std::future::poll_fn(|turn| {
        let Some(future) = &mut running.0 else { return Poll::Pending };
        match contain(|| future.as_mut().poll(turn)) {
            Ok(polled) => polled.map(Ok),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    })
    .await
}

struct Contained<F>(Option<Pin<Box<F>>>);

impl<F> Drop for Contained<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        if contain(|| drop(future)).is_err() {
            tracing::error!("a value in a tool panicked when it was dropped");
        }
    }
}

impl ToolPanic {
    fn new(info: &PanicHookInfo<'_>) -> Self {
        let place = info.location().map(ToString::to_string);
        Self {
            place: place.unwrap_or_else(|| "an unknown place".to_owned()),
            text: info.payload_as_str().unwrap_or("a value that is no text").to_owned(),
        }
    }

    /// The panic by what it unwound with: one that was carried over from another thread, or the
    /// one that the hook saw on this one.
    fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        let seen = LAST.take();
        match payload.downcast::<Self>() {
            Ok(carried) => *carried,
            Err(payload) => {
                // A payload may panic when it is dropped, and so may the payload of that.
                if let Err(next) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(next);
                }
                seen.unwrap_or_else(|| Self {
                    place: "an unknown place".to_owned(),
                    text: "a panic that another hook reported".to_owned(),
                })
            }
        }
    }
}

#[cfg(feature = "testing")]
pub(crate) use watch::Watch;

/// For the test kit: the panics that went on to the hook that was there before.
#[cfg(feature = "testing")]
mod watch {
    use std::panic::PanicHookInfo;
    use std::sync::{Mutex, PoisonError};

    static PASSED_ON: Mutex<(usize, String)> = Mutex::new((0, String::new()));

    /// Notes panics while it lives. Watches that overlap see one another's panics.
    pub(crate) struct Watch(usize);

    impl Watch {
        pub(crate) fn start() -> Self {
            let mut passed_on = PASSED_ON.lock().unwrap_or_else(PoisonError::into_inner);
            passed_on.0 += 1;
            Self(passed_on.1.len())
        }

        /// What was passed on since the start.
        pub(crate) fn take(&self) -> String {
            let passed_on = PASSED_ON.lock().unwrap_or_else(PoisonError::into_inner);
            passed_on.1.get(self.0..).unwrap_or_default().to_owned()
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            let mut passed_on = PASSED_ON.lock().unwrap_or_else(PoisonError::into_inner);
            passed_on.0 -= 1;
            if passed_on.0 == 0 {
                passed_on.1.clear();
            }
        }
    }

    pub(super) fn note(info: &PanicHookInfo<'_>) {
        let mut passed_on = PASSED_ON.lock().unwrap_or_else(PoisonError::into_inner);
        if passed_on.0 > 0 {
            passed_on.1.push_str(info.payload_as_str().unwrap_or_default());
            passed_on.1.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contained_panic_is_a_value_with_its_place_and_text() {
        install_hook();
        let panicked = contain(|| assert_eq!(1, 2, "the whole text")).err().unwrap();
        assert!(panicked.text.contains("the whole text"), "{}", panicked.text);
        assert!(panicked.place.contains("panics.rs"), "{}", panicked.place);
        assert!(!IN_TOOL.get());
    }

    #[tokio::test]
    async fn a_panic_after_an_await_is_contained() {
        install_hook();
        let running = async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "numbers");
        };
        let panicked = contained(running).await.err().unwrap();
        assert!(panicked.text.contains("numbers"), "{}", panicked.text);
    }

    // Leak channel 17.
    #[tokio::test]
    async fn a_panic_in_a_drop_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("at the end");
            }
        }
        install_hook();
        let bomb = Bomb;
        let running = contained(async move {
            let _bomb = &bomb;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(std::time::Duration::ZERO, running).await.is_err());
        assert!(contain(|| panic::panic_any(Bomb)).is_err());
    }

    #[test]
    fn a_panic_elsewhere_goes_on_to_the_hook_that_was_there() {
        install_hook();
        let watch = Watch::start();
        assert!(panic::catch_unwind(|| panic!("outside of every tool")).is_err());
        assert!(watch.take().contains("outside of every tool"));
    }
}
