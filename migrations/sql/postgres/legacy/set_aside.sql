-- The old tables get other names, and so does everything whose name is needed. Their rows no longer follow users: they stay as
-- they are.
DO $$
DECLARE
    old_table TEXT;
    thing RECORD;
BEGIN
    FOREACH old_table IN ARRAY string_to_array('{tables}', ',')
    LOOP
        FOR thing IN SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = old_table::regclass
        LOOP
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', old_table, thing.conname);
        END LOOP;
        FOR thing IN SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = old_table::regclass
        LOOP
            EXECUTE format('ALTER INDEX %I RENAME TO %I', thing.relname, left('_torii_backup_' || thing.relname, 63));
        END LOOP;
        FOR thing IN
            SELECT relname FROM pg_depend JOIN pg_class ON oid = objid
            WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
                AND refobjid = old_table::regclass AND deptype IN ('a', 'i') AND relkind = 'S'
        LOOP
            EXECUTE format('ALTER SEQUENCE %I RENAME TO %I', thing.relname, left('_torii_backup_' || thing.relname, 63));
        END LOOP;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', old_table, '_torii_backup_' || old_table);
    END LOOP;

    -- An address is unique within a tenant now.
    FOR thing IN
        SELECT relname, conname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            LEFT JOIN pg_constraint ON conindid = indexrelid AND contype = 'u'
        WHERE indrelid = 'users'::regclass AND indisunique AND indpred IS NULL AND indexprs IS NULL AND indnkeyatts = 1
            AND indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'email')
    LOOP
        IF thing.conname IS NULL THEN
            EXECUTE format('DROP INDEX %I', thing.relname);
        ELSE
            EXECUTE format('ALTER TABLE users DROP CONSTRAINT %I', thing.conname);
        END IF;
    END LOOP;
END
$$;
