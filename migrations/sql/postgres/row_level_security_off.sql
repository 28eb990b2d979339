-- Undoes row_level_security_on.sql of every revision. Policies and functions that are not torii's stay.

DO $$
DECLARE
    name TEXT;
    policy TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'users', 'sessions', 'oauth_accounts', 'oauth_states', 'passkeys',
        'passkey_challenges', 'secure_tokens', 'lockouts', 'failed_login_attempts']
    LOOP
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', name);
        FOREACH policy IN ARRAY ARRAY['torii_tenant', 'torii_list', 'torii_sweep_read', 'torii_sweep_lock',
            'torii_sweep_delete']
        LOOP
            EXECUTE format('DROP POLICY IF EXISTS %I ON %I', policy, name);
        END LOOP;
    END LOOP;
END
$$;

DROP FUNCTION IF EXISTS torii_find_session_v1(TEXT, TIMESTAMPTZ, BYTEA);
DROP FUNCTION IF EXISTS torii_find_session_and_user_v1(TEXT, TIMESTAMPTZ, BYTEA);
