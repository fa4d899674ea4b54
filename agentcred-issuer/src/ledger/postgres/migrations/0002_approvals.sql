-- Calls that wait for a human. An entry is JSON that the issuers alone read, as is its call; what
-- the database decides by stands beside it. Whoever changes an entry names the version that it read,
-- and changes nothing when there is another by now.
--
-- As everywhere, a row counts when it was written by the transaction that it names and belongs to the
-- current epoch: an approval that comes back with an older state of the database is none.

CREATE TABLE agentcred.approvals (
    approval_id text   PRIMARY KEY,
    epoch       text   NOT NULL,
    grant_hash  text   NOT NULL,
    agent       text   NOT NULL,
    task        text   NOT NULL,
    call        text   NOT NULL,
    entry       text   NOT NULL,
    standing    text   NOT NULL CHECK (standing IN ('pending', 'decided', 'used')),
    expires     bigint NOT NULL,
    version     bigint NOT NULL DEFAULT 0,
    written_by  xid8   NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX approvals_grant ON agentcred.approvals (grant_hash);

-- Adds an entry: `added`, `same` with the one that waits for the same call, `too_many` or
-- `epoch_over`. Those who ask wait for each other, so that each counts what the one before it added.
CREATE FUNCTION agentcred.add_approval(
    approval_id text, grant_hash text, agent text, task text, call text, entry text,
    expires bigint, at bigint, over bigint, most bigint, most_of_grant bigint, most_rows bigint,
    key_check bytea, OUT answer text, OUT same_id text, OUT same_entry text
) LANGUAGE plpgsql AS $$
DECLARE
    this_epoch CONSTANT text := agentcred.current_epoch($13);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('agentcred.approvals'));
    IF this_epoch IS NULL THEN
        answer := 'epoch_over';
        RETURN;
    END IF;
    DELETE FROM agentcred.approvals a WHERE a.expires <= $9 OR a.epoch <> this_epoch;
    SELECT 'same', a.approval_id, a.entry INTO answer, same_id, same_entry
      FROM agentcred.approvals a
     WHERE a.grant_hash = $2 AND a.call = $5 AND a.standing <> 'used' AND a.expires > $8
       AND a.xmin = a.written_by::xid AND a.epoch = this_epoch
     LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FILTER (WHERE waits AND a.grant_hash = $2) >= $11
               OR count(*) FILTER (WHERE waits) >= $10
               OR count(*) >= $12
          FROM agentcred.approvals a,
               LATERAL (SELECT a.standing = 'pending' AND a.expires > $8 AS waits) state)
    THEN
        answer := 'too_many';
        RETURN;
    END IF;
    INSERT INTO agentcred.approvals
           (approval_id, epoch, grant_hash, agent, task, call, entry, standing, expires)
    VALUES ($1, this_epoch, $2, $3, $4, $5, $6, 'pending', $7);
    answer := 'added';
END
$$;
