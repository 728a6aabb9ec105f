//! Ctrl-C: stop at a safe place, and say what is safe.
//!
//! While nothing was changed the process ends at once. While something is being changed it is only
//! noted: the verb stops at its next step and says what it did. The second Ctrl-C ends it.

use std::{
    io::Write as _,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Whether Ctrl-C came, and what it may do. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// A verb that stops by itself is at work.
    is_guarded: AtomicBool,
    came: Mutex<bool>,
    changed: Condvar,
}

impl Interrupt {
    /// Listens for Ctrl-C on a thread of its own, for as long as the process lives. If the system
    /// gives no thread, Ctrl-C ends the process as it always does.
    pub(crate) fn listen() -> Self {
        let interrupt = Self::default();
        let told = interrupt.clone();
        let thread = std::thread::Builder::new().name("passbook-interrupt".to_owned());
        let started = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    told.came();
                }
            });
        });
        drop(started);
        interrupt
    }

    /// From now on the verb stops by itself.
    pub(crate) fn guard(&self) {
        self.0.is_guarded.store(true, Ordering::SeqCst);
    }

    /// Whether Ctrl-C came.
    pub(crate) fn has_come(&self) -> bool {
        *self.0.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until Ctrl-C; whether it came.
    pub(crate) fn wait(&self, span: Duration) -> bool {
        let came = self.0.came.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(came, span, |came| !*came);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn came(&self) {
        let mut came = self.0.came.lock().unwrap_or_else(PoisonError::into_inner);
        let is_guarded = self.0.is_guarded.load(Ordering::SeqCst);
        if *came || !is_guarded {
            let safe = if is_guarded {
                "stopped; what was acknowledged is safe"
            } else {
                "stopped; nothing was changed"
            };
            end(safe);
        }
        *came = true;
        self.0.changed.notify_all();
    }
}

#[expect(clippy::exit, reason = "the verb may wait for a terminal or a disk and hears nothing")]
fn end(safe: &str) -> ! {
    // If nobody hears it, it is over all the same.
    drop(writeln!(std::io::stderr().lock(), "\n{safe}"));
    std::process::exit(i32::from(crate::failure::Exit::Interrupted.code()))
}
