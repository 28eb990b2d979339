-- Optional, and run by nobody but you: makes the schema one whose rows can be spread over nodes by tenant, as Citus does it. What
-- else there is to know, and to do on other engines, is in docs/scaling.md.
--
-- On a plain PostgreSQL it is valid too, and torii works on the result. It changes two keys. Both begin with the tenant
-- afterwards, as every other key does already:
--
--   users                   PRIMARY KEY (id)  becomes  PRIMARY KEY (tenant_id, id), in the place of UNIQUE (tenant_id, id)
--   failed_login_attempts   PRIMARY KEY (id)  becomes  PRIMARY KEY (tenant_id, id)
--
-- What is given up: that an id of a user is unique over all tenants (ids that torii makes still are, by their randomness), and
-- foreign keys of the application to users (id). One that is there stops this script, and nothing has changed: make it
-- FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) first.
--
-- To be run by the owner of the tables after migrations, in one go (`psql --single-transaction --set ON_ERROR_STOP=1 --file ..`),
-- while nobody is signed in: the tables are locked while indexes are built and foreign keys looked through. `torii verify` reports
-- both keys as different from then on.

-- Under row-level security a foreign key is looked through as the owner, who may see no row. This makes it fail instead of passing
-- over them: then switch the policies off before, and on again afterwards.
SET LOCAL row_security = off;

ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_user_id_fkey;
ALTER TABLE oauth_accounts DROP CONSTRAINT oauth_accounts_tenant_id_user_id_fkey;
ALTER TABLE passkeys DROP CONSTRAINT passkeys_tenant_id_user_id_fkey;
ALTER TABLE secure_tokens DROP CONSTRAINT secure_tokens_tenant_id_user_id_fkey;

-- Without CASCADE: a foreign key of the application must not vanish.
ALTER TABLE users DROP CONSTRAINT users_pkey, DROP CONSTRAINT users_tenant_user;
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (tenant_id, id);

-- Its numbers stay unique over all tenants, because one sequence gives them all. Leave it like that: rows that are over are deleted
-- by number.
ALTER TABLE failed_login_attempts DROP CONSTRAINT failed_login_attempts_pkey;
ALTER TABLE failed_login_attempts ADD CONSTRAINT failed_login_attempts_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE sessions ADD CONSTRAINT sessions_tenant_id_user_id_fkey
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE;
ALTER TABLE oauth_accounts ADD CONSTRAINT oauth_accounts_tenant_id_user_id_fkey
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE;
ALTER TABLE passkeys ADD CONSTRAINT passkeys_tenant_id_user_id_fkey
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE;
ALTER TABLE secure_tokens ADD CONSTRAINT secure_tokens_tenant_id_user_id_fkey
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE;

-- On Citus, on the coordinator, after what is above. tenants goes by its own id, so that a tenant, its users and all that is theirs
-- are on one node, and every statement for one tenant runs there as a whole. Each call copies what is in the table, and writers
-- wait meanwhile.
--
--   SELECT create_distributed_table('tenants', 'id');
--   SELECT create_distributed_table('users', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('sessions', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('oauth_accounts', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('oauth_states', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('passkeys', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('passkey_challenges', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('secure_tokens', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('lockouts', 'tenant_id', colocate_with => 'tenants');
--   SELECT create_distributed_table('failed_login_attempts', 'tenant_id', colocate_with => 'tenants');
