//! The statements. What each decides, it decides by itself; nothing is read first and written
//! then. Those that write give the number of their transaction as their first column.
//!
//! A row counts when it was written by the transaction that it names (`xmin = written_by`) and
//! belongs to the current epoch. Who changes a row that counts puts the new writer's name in.

/// Grant hash, task, expiry, now, key check.
pub(super) const OPEN_TASK: &str = "
    SELECT pg_current_xact_id()::text::bigint,
           agentcred.open_task($1, $2::text::jsonb, $3, $4, $5)";

/// Grant hash, now, key check.
pub(super) const TASK: &str = "
    SELECT task::text FROM agentcred.tasks
     WHERE grant_hash = $1 AND NOT is_revoked AND expires > $2
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($3))";

/// Grant hash, nonce hash, call, uses, expiry, the most that may be live, now, key check.
pub(super) const ADD_NONCE: &str = "
    SELECT pg_current_xact_id()::text::bigint,
           agentcred.add_nonce($1, $2, $3::text::jsonb, $4, $5, $6, $7, $8)";

/// Nonce hash, now, key check.
pub(super) const FIND: &str = "
    SELECT n.call::text, t.task::text,
           CASE WHEN n.is_revoked OR t.is_revoked THEN 'revoked'
                WHEN n.expires <= $2 THEN 'expired'
                WHEN n.uses_left = 0 THEN 'spent'
                ELSE 'live' END
      FROM agentcred.nonces n JOIN agentcred.tasks t USING (grant_hash)
     WHERE n.nonce_hash = $1 AND n.xmin = n.written_by::xid AND t.xmin = t.written_by::xid
       AND n.epoch = (SELECT agentcred.current_epoch($3)) AND t.epoch = n.epoch";

/// Nonce hash, now, key check. A row is a use, and no row is none.
pub(super) const SPEND: &str = "
    UPDATE agentcred.nonces
       SET uses_left = uses_left - 1, written_by = pg_current_xact_id()
     WHERE nonce_hash = $1 AND uses_left > 0 AND NOT is_revoked AND expires > $2
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($3))
    RETURNING pg_current_xact_id()::text::bigint";

/// Nonce hash. The lock on the task makes a revocation come wholly before it or wholly after.
pub(super) const GIVE_BACK: &str = "
    WITH open AS (
        SELECT t.grant_hash FROM agentcred.tasks t
         WHERE t.grant_hash = (SELECT grant_hash FROM agentcred.nonces WHERE nonce_hash = $1)
           AND NOT t.is_revoked AND t.xmin = t.written_by::xid
           FOR SHARE)
    UPDATE agentcred.nonces n
       SET uses_left = n.uses_left + 1, written_by = pg_current_xact_id()
      FROM open
     WHERE n.nonce_hash = $1 AND n.grant_hash = open.grant_hash AND NOT n.is_revoked
       AND n.xmin = n.written_by::xid
    RETURNING pg_current_xact_id()::text::bigint";

/// Nonce hash, now, key check. Gives the call, and whether the nonce was live.
pub(super) const REVOKE_NONCE: &str = "
    UPDATE agentcred.nonces
       SET is_revoked = true, written_by = pg_current_xact_id()
     WHERE nonce_hash = $1 AND NOT is_revoked
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($3))
    RETURNING pg_current_xact_id()::text::bigint, call::text, uses_left > 0 AND expires > $2";

/// Nonce id, now, key check. As above; a search, since operators do this now and then only, in
/// the partitions alone that may hold what is not dead yet.
pub(super) const REVOKE_NONCE_NAMED: &str = "
    UPDATE agentcred.nonces
       SET is_revoked = true, written_by = pg_current_xact_id()
     WHERE call ->> 'nonce_id' = $1 AND NOT is_revoked AND expires > $2
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($3))
    RETURNING pg_current_xact_id()::text::bigint, call::text, uses_left > 0";

/// Agent, task, until when, now, key check. Gives how many grants and live nonces died.
pub(super) const STOP_TASK: &str = "
    SELECT pg_current_xact_id()::text::bigint, grants, nonces
      FROM agentcred.stop_task($1, $2, $3, $4, $5)";

/// Grant hash, now, key check. Gives the task, and how many live nonces died.
pub(super) const REVOKE_TASK: &str = "
    SELECT pg_current_xact_id()::text::bigint, ended, died
      FROM agentcred.revoke_task($1, $2, $3) WHERE ended IS NOT NULL";

/// Id hash, expiry. The same proof has the same expiry, and the key of the table lets one of
/// many in; another proof with the same id is found by the search.
pub(super) const SPEND_ID: &str = "
    INSERT INTO agentcred.ids (id_hash, expires)
    SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM agentcred.ids WHERE id_hash = $1)
    ON CONFLICT DO NOTHING
    RETURNING pg_current_xact_id()::text::bigint";

/// Table, first and last moment.
pub(super) const MAKE_ROOM: &str = "SELECT agentcred.make_room($1, $2, $3)";

/// Now, and the moment before which nothing is remembered. One step; gives how much it
/// forgot, and null when another issuer is at it.
pub(super) const TIDY: &str = "SELECT agentcred.tidy($1, $2)";

/// Key check. The epoch that counts, and the one that is entered when none does, with the number
/// that the next transaction gets or one below it.
pub(super) const ENTER_EPOCH: &str = "
    SELECT coalesce(agentcred.current_epoch($1), agentcred.enter_epoch($1)),
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// Ends the epoch, whichever it is.
pub(super) const END_EPOCH: &str = "DELETE FROM agentcred.epoch";

/// Approval id, grant hash, agent, task, call, entry, expiry, now, before when to forget, the most
/// that may wait, of them of the grant, the most rows, key check.
pub(super) const ADD_APPROVAL: &str = "
    SELECT pg_current_xact_id()::text::bigint, answer, same_id, same_entry
      FROM agentcred.add_approval($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Approval id, key check.
pub(super) const APPROVAL: &str = "
    SELECT entry, version FROM agentcred.approvals
     WHERE approval_id = $1
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($2))";

/// Key check. Gives pairs of id and entry, as JSON.
pub(super) const APPROVALS: &str = "
    SELECT coalesce(json_agg(json_build_array(approval_id, entry)), '[]')::text
      FROM agentcred.approvals
     WHERE xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($1))";

/// Approval id, the version that was read, entry, standing, expiry, key check.
pub(super) const CHANGE_APPROVAL: &str = "
    UPDATE agentcred.approvals
       SET entry = $3, standing = $4, expires = $5, version = version + 1,
           written_by = pg_current_xact_id()
     WHERE approval_id = $1 AND version = $2
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($6))
    RETURNING pg_current_xact_id()::text::bigint";

/// Approval id, the version that was read, key check.
pub(super) const WITHDRAW_APPROVAL: &str = "
    DELETE FROM agentcred.approvals
     WHERE approval_id = $1 AND version = $2
       AND xmin = written_by::xid AND epoch = (SELECT agentcred.current_epoch($3))
    RETURNING pg_current_xact_id()::text::bigint";

/// Grant hash.
pub(super) const FORGET_GRANTS_APPROVALS: &str = "
    WITH gone AS (DELETE FROM agentcred.approvals WHERE grant_hash = $1 RETURNING 1)
    SELECT pg_current_xact_id()::text::bigint FROM (SELECT count(*) FROM gone) counted";

/// Agent, task.
pub(super) const FORGET_TASKS_APPROVALS: &str = "
    WITH gone AS (DELETE FROM agentcred.approvals WHERE agent = $1 AND task = $2 RETURNING 1)
    SELECT pg_current_xact_id()::text::bigint FROM (SELECT count(*) FROM gone) counted";

/// Before when to forget.
pub(super) const FORGET_OLD_APPROVALS: &str = "
    WITH old AS (
        SELECT approval_id FROM agentcred.approvals WHERE expires <= $1 FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM agentcred.approvals WHERE approval_id IN (TABLE old) RETURNING 1)
    SELECT count(*) FROM gone";
