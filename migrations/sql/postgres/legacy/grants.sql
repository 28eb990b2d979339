-- Whoever may do something with users may do it with the tables that belong to them.
DO $$
DECLARE
    permission RECORD;
    new_table TEXT;
BEGIN
    FOR permission IN
        SELECT DISTINCT privilege_type AS kind,
            CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'users'::regclass AND grantee <> relowner
            AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        FOREACH new_table IN ARRAY ARRAY['tenants', 'sessions', 'oauth_accounts', 'oauth_states', 'passkeys',
            'passkey_challenges', 'secure_tokens', 'lockouts', 'failed_login_attempts']
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s', permission.kind, new_table, permission.grantee);
        END LOOP;
    END LOOP;
    -- To see what has been applied.
    FOR permission IN
        SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'users'::regclass AND grantee <> relowner AND privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON _torii_schema, _torii_adoption TO %s', permission.grantee);
    END LOOP;
END
$$;
