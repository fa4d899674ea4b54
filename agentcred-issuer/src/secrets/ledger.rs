//! The password of a shared ledger, which only the database's client gets.

use super::Secret;

impl Secret {
    /// Logs in with this password. The client keeps a copy that is not overwritten.
    pub(crate) fn log_in(&self, session: &mut tokio_postgres::Config) {
        session.password(self.text.as_slice());
    }
}
