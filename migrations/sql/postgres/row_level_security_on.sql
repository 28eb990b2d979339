-- Row-level security, revision 1: a wall behind the tenant predicate of every statement. Optional, so it is no step of the
-- schema's history; running this again changes nothing. Whoever changes it raises the revision, here, in the comment at the
-- end and in row_security.rs.
--
-- The tenant of a transaction is the setting torii.tenant_id. Where it was never set it is NULL, and where an earlier
-- transaction of the session had set it, it is empty: either way no row is there. In a sub-select it is evaluated once
-- per statement.

DO $$
DECLARE
    tenant   CONSTANT TEXT := $p$(SELECT NULLIF(current_setting('torii.tenant_id', true), ''))$p$;
    everyone CONSTANT TEXT := $p$(SELECT current_setting('torii.all_tenants', true)) = 'on'$p$;
    name TEXT;
    own TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'users', 'sessions', 'oauth_accounts', 'oauth_states', 'passkeys',
        'passkey_challenges', 'secure_tokens', 'lockouts', 'failed_login_attempts']
    LOOP
        own := CASE name WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END || ' = ' || tenant;
        EXECUTE format('DROP POLICY IF EXISTS torii_tenant ON %I', name);
        EXECUTE format('CREATE POLICY torii_tenant ON %I USING (%s) WITH CHECK (%s)', name, own, own);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        -- Else it would not hold for the owner, which is the application's role where there is only one.
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;

    -- Two things are done across tenants, in transactions of their own that are bound to none. The tenants are listed ..
    DROP POLICY IF EXISTS torii_list ON tenants;
    EXECUTE format('CREATE POLICY torii_list ON tenants FOR SELECT USING (%s)', everyone);

    -- .. and what is over is swept: read, locked (for which a row must be one that may be updated; none may) and deleted.
    -- Users, accounts and passkeys are never over.
    FOREACH name IN ARRAY ARRAY['sessions', 'oauth_states', 'passkey_challenges', 'secure_tokens', 'lockouts',
        'failed_login_attempts']
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS torii_sweep_read ON %I', name);
        EXECUTE format('DROP POLICY IF EXISTS torii_sweep_lock ON %I', name);
        EXECUTE format('DROP POLICY IF EXISTS torii_sweep_delete ON %I', name);
        EXECUTE format('CREATE POLICY torii_sweep_read ON %I FOR SELECT USING (%s)', name, everyone);
        EXECUTE format('CREATE POLICY torii_sweep_lock ON %I FOR UPDATE USING (%s) WITH CHECK (false)', name, everyone);
        EXECUTE format('CREATE POLICY torii_sweep_delete ON %I FOR DELETE USING (%s)', name, everyone);
    END LOOP;
END
$$;

-- The two reads of every request, each with its binding in one round trip. The setting ends with the statement, which is a
-- transaction of its own. They have the caller's rights and no more, and the same predicates as the statements that they
-- stand for.
--
-- A function's columns cannot be replaced, and versions of torii meet while an application is deployed: one that needs other
-- columns makes functions with the next number, and leaves these to those who call them.

CREATE OR REPLACE FUNCTION torii_find_session_v1(tenant TEXT, now TIMESTAMPTZ, digest BYTEA)
    RETURNS TABLE (
        token_digest BYTEA, user_id TEXT, user_agent TEXT, ip_address TEXT,
        session_created_at TIMESTAMPTZ, session_updated_at TIMESTAMPTZ, session_expires_at TIMESTAMPTZ
    )
    LANGUAGE plpgsql SECURITY INVOKER ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('torii.tenant_id', $1, true);
    RETURN QUERY
    SELECT sessions.token_digest, sessions.user_id, sessions.user_agent, sessions.ip_address,
        sessions.created_at AS session_created_at, sessions.updated_at AS session_updated_at,
        sessions.expires_at AS session_expires_at
    FROM sessions
    JOIN tenants ON tenants.id = sessions.tenant_id AND tenants.status = 'active'
    WHERE sessions.tenant_id = $1 AND sessions.token_digest = $3;
END
$$;

CREATE OR REPLACE FUNCTION torii_find_session_and_user_v1(tenant TEXT, now TIMESTAMPTZ, digest BYTEA)
    RETURNS TABLE (
        token_digest BYTEA, user_id TEXT, user_agent TEXT, ip_address TEXT,
        session_created_at TIMESTAMPTZ, session_updated_at TIMESTAMPTZ, session_expires_at TIMESTAMPTZ,
        id TEXT, tenant_id VARCHAR, name TEXT, email TEXT, email_verified_at TIMESTAMPTZ, locked_at TIMESTAMPTZ,
        created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ
    )
    LANGUAGE plpgsql SECURITY INVOKER ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('torii.tenant_id', $1, true);
    RETURN QUERY
    SELECT sessions.token_digest, sessions.user_id, sessions.user_agent, sessions.ip_address,
        sessions.created_at AS session_created_at, sessions.updated_at AS session_updated_at,
        sessions.expires_at AS session_expires_at,
        users.id, users.tenant_id, users.name, users.email, users.email_verified_at,
        COALESCE(users.locked_at, (SELECT lockouts.window_started_at FROM lockouts
        WHERE lockouts.tenant_id = users.tenant_id AND lockouts.email_key = users.email_key
        AND lockouts.locked_until > $2)) AS locked_at,
        users.created_at, users.updated_at
    FROM sessions
    JOIN users ON users.tenant_id = sessions.tenant_id AND users.id = sessions.user_id
    JOIN tenants ON tenants.id = sessions.tenant_id AND tenants.status = 'active'
    WHERE sessions.tenant_id = $1 AND sessions.token_digest = $3 AND sessions.expires_at >= $2;
END
$$;

COMMENT ON POLICY torii_tenant ON tenants IS 'torii row-level security, revision 1';
