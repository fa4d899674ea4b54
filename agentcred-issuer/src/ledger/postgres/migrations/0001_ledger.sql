-- The ledger: the epoch, tasks, nonces, and ids that are good once. Moments are milliseconds
-- since 1970, decided by the issuers; tokens and ids are keyed hashes.
--
-- Every row of an epoch, a task or a nonce names the transaction that wrote it, and is good only
-- while the server's own record of that, xmin, says the same. A row that was loaded from a dump,
-- copied or replicated was written by another transaction than it names, and is dead. Vacuum leaves
-- xmin as it is, also where it freezes or moves a row. xmin has 32 bits, so that it names the wrong
-- transaction after four billion others, which is longer than anything here lives.

CREATE TABLE agentcred.epoch (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    id          text    NOT NULL,
    incarnation text    NOT NULL,
    key_check   bytea   NOT NULL,
    written_by  xid8    NOT NULL DEFAULT pg_current_xact_id()
);

-- Names the running server, its history and this database. Files that were put back, a standby
-- that was promoted and a second server on copied files all have another one, because each of
-- them was started at another time; a database made from this one as its template has another
-- number.
CREATE FUNCTION agentcred.incarnation() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws('/',
        extract(epoch FROM pg_postmaster_start_time()),
        left(pg_walfile_name(pg_current_wal_lsn()), 8),
        (SELECT oid FROM pg_database WHERE datname = current_database()))
$$;

-- The epoch, for issuers with the right key; null when it is over.
CREATE FUNCTION agentcred.current_epoch(key_check bytea) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT epoch.id FROM agentcred.epoch
     WHERE epoch.xmin = epoch.written_by::xid
       AND epoch.incarnation = agentcred.incarnation()
       AND epoch.key_check = $1
$$;

-- Gives the epoch, and begins one when the last is over; null when it is another key's.
CREATE FUNCTION agentcred.enter_epoch(key_check bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    known agentcred.epoch;
BEGIN
    -- Others may read meanwhile, but not begin one too.
    LOCK TABLE agentcred.epoch IN EXCLUSIVE MODE;
    SELECT * INTO known FROM agentcred.epoch
     WHERE epoch.xmin = epoch.written_by::xid AND epoch.incarnation = agentcred.incarnation();
    IF FOUND THEN
        RETURN CASE WHEN known.key_check = $1 THEN known.id END;
    END IF;
    DELETE FROM agentcred.epoch;
    INSERT INTO agentcred.epoch (id, incarnation, key_check)
    VALUES (gen_random_uuid()::text, agentcred.incarnation(), $1)
    RETURNING epoch.id INTO known.id;
    RETURN known.id;
END
$$;

CREATE TABLE agentcred.tasks (
    grant_hash bytea   PRIMARY KEY,
    epoch      text    NOT NULL,
    task       jsonb   NOT NULL,
    expires    bigint  NOT NULL,
    is_revoked boolean NOT NULL DEFAULT false,
    written_by xid8    NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX tasks_by_end ON agentcred.tasks (expires);
CREATE INDEX tasks_by_name ON agentcred.tasks ((task ->> 'agent'), (task ->> 'task'));

-- Tasks that an operator stopped. They stay stopped in the epochs to come.
CREATE TABLE agentcred.stopped (
    agent   text   NOT NULL,
    task    text   NOT NULL,
    until   bigint NOT NULL,
    PRIMARY KEY (agent, task)
);

CREATE TABLE agentcred.nonces (
    nonce_hash bytea   NOT NULL,
    grant_hash bytea   NOT NULL,
    epoch      text    NOT NULL,
    call       jsonb   NOT NULL,
    expires    bigint  NOT NULL,
    uses_left  integer NOT NULL CHECK (uses_left >= 0),
    is_revoked boolean NOT NULL DEFAULT false,
    written_by xid8    NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (nonce_hash, expires)
) PARTITION BY RANGE (expires);
CREATE INDEX nonces_live ON agentcred.nonces (grant_hash, expires)
    WHERE uses_left > 0 AND NOT is_revoked;

CREATE TABLE agentcred.ids (
    id_hash bytea  NOT NULL,
    expires bigint NOT NULL,
    PRIMARY KEY (id_hash, expires)
) PARTITION BY RANGE (expires);

-- Opens a task: `opened`, `stopped`, or `epoch_over`. Whoever opens it and whoever stops it wait
-- for each other, so that no grant slips through between the two.
CREATE FUNCTION agentcred.open_task(
    grant_hash bytea, task jsonb, expires bigint, at bigint, key_check bytea
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    epoch CONSTANT text := agentcred.current_epoch($5);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(agentcred.task_lock($2 ->> 'agent', $2 ->> 'task'));
    IF epoch IS NULL THEN
        RETURN 'epoch_over';
    END IF;
    IF EXISTS (SELECT FROM agentcred.stopped s
                WHERE s.agent = $2 ->> 'agent' AND s.task = $2 ->> 'task' AND s.until > $4)
    THEN
        RETURN 'stopped';
    END IF;
    INSERT INTO agentcred.tasks (grant_hash, epoch, task, expires) VALUES ($1, epoch, $2, $3);
    RETURN 'opened';
END
$$;

CREATE FUNCTION agentcred.task_lock(agent text, task text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended($1 || ' ' || $2, 0)
$$;

-- Adds a nonce: `added`, `task_over` or `too_many`. The lock on the task puts those who mint
-- from it in a row, so that each counts what the one before it added.
CREATE FUNCTION agentcred.add_nonce(
    grant_hash bytea, nonce_hash bytea, call jsonb, uses integer, expires bigint,
    most bigint, at bigint, key_check bytea
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    task record;
BEGIN
    SELECT t.expires, t.epoch INTO task FROM agentcred.tasks t
     WHERE t.grant_hash = $1 AND NOT t.is_revoked AND t.expires > $7
       AND t.xmin = t.written_by::xid AND t.epoch = agentcred.current_epoch($8)
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'task_over';
    END IF;
    IF $6 <= (SELECT count(*) FROM agentcred.nonces n
               WHERE n.grant_hash = $1 AND n.uses_left > 0 AND NOT n.is_revoked
                 AND n.expires > $7 AND n.xmin = n.written_by::xid AND n.epoch = task.epoch)
    THEN
        RETURN 'too_many';
    END IF;
    INSERT INTO agentcred.nonces (nonce_hash, grant_hash, epoch, call, expires, uses_left)
    VALUES ($2, $1, task.epoch, $3, least($5, task.expires), $4);
    RETURN 'added';
END
$$;

-- Ends a task and its live nonces. Its spent ones cannot come back to life, since a use is
-- given back only under an open task.
CREATE FUNCTION agentcred.revoke_task(
    grant_hash bytea, at bigint, key_check bytea, OUT ended text, OUT died bigint
) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agentcred.tasks t SET is_revoked = true, written_by = pg_current_xact_id()
     WHERE t.grant_hash = $1 AND NOT t.is_revoked AND t.expires > $2
       AND t.xmin = t.written_by::xid AND t.epoch = agentcred.current_epoch($3)
    RETURNING t.task::text INTO ended;
    WITH dying AS (
        UPDATE agentcred.nonces n SET is_revoked = true, written_by = pg_current_xact_id()
         WHERE n.grant_hash = $1 AND n.uses_left > 0 AND NOT n.is_revoked AND n.expires > $2
           AND n.xmin = n.written_by::xid
           AND ended IS NOT NULL
        RETURNING 1)
    SELECT count(*) INTO died FROM dying;
END
$$;

-- Ends every grant of a task, and lets none be opened until `until`.
CREATE FUNCTION agentcred.stop_task(
    agent text, task text, until bigint, at bigint, key_check bytea,
    OUT grants bigint, OUT nonces bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(agentcred.task_lock($1, $2));
    INSERT INTO agentcred.stopped AS s VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT stopped_pkey
        DO UPDATE SET until = greatest(s.until, excluded.until);
    SELECT count(*), coalesce(sum(ending.died), 0) INTO grants, nonces
      FROM agentcred.tasks t, agentcred.revoke_task(t.grant_hash, $4, $5) ending
     WHERE t.task ->> 'agent' = $1 AND t.task ->> 'task' = $2 AND ending.ended IS NOT NULL;
END
$$;

-- Makes the partitions that hold the moments from `since` to `until`, each five minutes wide.
-- Each is made apart and then attached, for which nobody who reads or writes has to end first:
-- a backup that takes an hour does not keep anybody from minting.
CREATE FUNCTION agentcred.make_room(parent text, since bigint, until bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    width CONSTANT bigint := 300000;
    start bigint;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('agentcred.make_room'));
    FOR start IN SELECT generate_series(since - since % width, until, width) LOOP
        name := format('agentcred.%I', parent || '_' || start);
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %s (LIKE agentcred.%I INCLUDING ALL)', name, parent);
            EXECUTE format('ALTER TABLE agentcred.%I ATTACH PARTITION %s
                            FOR VALUES FROM (%s) TO (%s)', parent, name, start, start + width);
        END IF;
    END LOOP;
END
$$;

-- One step of tidying: makes room for what will expire soon, and forgets a partition or some
-- tasks that expired before `over`. Gives how much it forgot; whoever calls it goes on until that
-- is nothing. One issuer at a time does it; the others get null.
--
-- Everybody waits behind a partition that is dropped, so that this itself does not wait long for
-- whoever uses it, as a backup does; and it waits for no task's row, so that it has no part in
-- any deadlock.
CREATE FUNCTION agentcred.tidy(at bigint, over bigint) RETURNS bigint
LANGUAGE plpgsql SET lock_timeout = '100ms' AS $$
DECLARE
    width CONSTANT bigint := 300000;
    stale text;
    forgotten bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('agentcred.tidy')) THEN
        RETURN NULL;
    END IF;
    PERFORM agentcred.make_room(parent, at, at + 2 * width)
       FROM unnest(ARRAY['nonces', 'ids']) parent;
    DELETE FROM agentcred.tasks WHERE grant_hash IN (
        SELECT t.grant_hash FROM agentcred.tasks t WHERE t.expires <= over
         ORDER BY t.expires LIMIT 1000 FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    IF forgotten > 0 THEN
        RETURN forgotten;
    END IF;
    DELETE FROM agentcred.stopped WHERE until <= over;
    SELECT c.relname INTO stale FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent IN ('agentcred.nonces'::regclass, 'agentcred.ids'::regclass)
       AND substring(c.relname FROM '_(\d+)$')::bigint + width <= over
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    EXECUTE format('DROP TABLE agentcred.%I', stale);
    RETURN 1;
END
$$;
